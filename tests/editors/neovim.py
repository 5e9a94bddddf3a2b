"""A real Neovim without a screen, with the plugin: type into it and look at what it shows.

Must touch no configuration but its own. Used by the tests of the plugin and by benchmarks/editors.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgpack

from tests.daemon import await_true

PLUGIN = Path(__file__).resolve().parents[2] / "clients/neovim"
NVIM = Path(sys.executable).with_name("nvim")
SHOWN = """
local space = vim.api.nvim_create_namespace("hob")
local marks = vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })
local lines = {}
for _, mark in ipairs(marks) do
  lines[1] = mark[4].virt_text[1][1]
  for _, line in ipairs(mark[4].virt_lines or {}) do lines[#lines + 1] = line[1][1] end
end
return table.concat(lines, "\\n")
"""


class Neovim:
    """`setup`: what is given to the plugin beside the command that starts the server."""

    def __init__(self, environment: Mapping[str, str], home: Path, **setup: Any) -> None:
        home.mkdir(parents=True, exist_ok=True)
        places = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        env = {**environment, **places, "XDG_RUNTIME_DIR": str(home)}
        # --clean, and an empty configuration: whatever else is on this machine is not the test's business.
        self._process = subprocess.Popen(
            [str(NVIM), "--embed", "--headless", "--clean", "-n", "--cmd", f"set rtp^={PLUGIN}"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._messages = msgpack.Unpacker(strict_map_key=False)
        self._number = 0
        # What is typed is what is to stand there.
        self.command(
            "filetype indent off | set noautoindent shortmess+=F | let g:python_recommended_style = 0"
        )
        command = [str(Path(sys.executable).with_name("hob")), "--no-start", "lsp"]
        self.lua("require('hob').setup(...)", {"cmd": command, **setup})

    # ------------------------------------------------------------- its remote calls

    def call(self, method: str, *arguments: Any) -> Any:
        """One of Neovim's own functions; see its :help api."""
        self._number += 1
        assert self._process.stdin is not None
        self._process.stdin.write(msgpack.packb([0, self._number, method, arguments]))
        self._process.stdin.flush()
        while True:
            kind, number, error, result = self._receive()
            if (kind, number) == (1, self._number):
                assert error is None, error
                return result

    def _receive(self) -> Any:
        while True:
            for message in self._messages:
                if message[0] == 1:
                    return message
            assert self._process.stdout is not None
            piece = self._process.stdout.raw.read(65536)
            assert piece, "Neovim ended"
            self._messages.feed(piece)

    def lua(self, code: str, *arguments: Any) -> Any:
        return self.call("nvim_exec_lua", code, arguments)

    def edit(self, path: Path) -> None:
        self.command(f"edit {path}")

    def command(self, command: str) -> str:
        """What it prints."""
        printed: str = self.call("nvim_exec2", command, {"output": True})["output"]
        return printed

    def type(self, keys: str) -> None:
        """As a person would; <Esc> and such are keys."""
        self.call("nvim_input", keys)

    def write(self, text: str) -> str:
        """Types at the end of the text, and waits for the hint that follows."""
        before = self.text
        self.type("<Esc>G$a" + text.replace("\n", "<CR>"))
        await_true(lambda: self.text == before + text, "the text")
        return self.await_hint()

    # ------------------------------------------------------------- what it shows

    @property
    def shown(self) -> str:
        text: str = self.lua(SHOWN)
        return text

    @property
    def text(self) -> str:
        return "\n".join(self.call("nvim_buf_get_lines", 0, 0, -1, False))

    @property
    def state(self) -> str:
        state: str = self.lua("return require('hob').status().state")
        return state

    def await_state(self, *states: str) -> None:
        await_true(lambda: self.state in states, f"one of {states}", 60)

    def await_hint(self) -> str:
        await_true(lambda: self.shown != "", "a hint", 60)
        return self.shown

    def status(self) -> dict[str, Any]:
        """What the server says of itself."""
        asked = """
        local client = vim.lsp.get_clients({ name = "hob" })[1]
        local told = client:request_sync("workspace/executeCommand", { command = "hob.status" }, 20000)
        return told.result
        """
        told: dict[str, Any] = self.lua(asked)
        return told

    def close(self) -> None:
        """Ends it as its user would; it ends the server."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(msgpack.packb([2, "nvim_command", ["qall!"]]))
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()
