"""Measures the time from a keystroke to its hint, in a real Neovim and at the language server.

Must never judge, and is no test: it prints numbers of this machine as it is now.
Called by hand: python -m benchmarks.editors [MODEL.gguf] [--hints 10]; without a model, at workers that
answer by arithmetic, so that what is left is what the way costs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import isnan
from pathlib import Path

from tests.daemon import RunningDaemon, await_true
from tests.editors.language_client import LanguageClient
from tests.editors.neovim import Neovim

_TOKENS = 8
_LINE = "The number {} is followed by the number"


def times(run: Callable[[int], float], count: int) -> list[float]:
    """In milliseconds, without the first, which pays for connections and caches."""
    taken = [run(number) * 1000 for number in range(count + 1)][1:]
    return [took for took in taken if not isnan(took)]


def raw(daemon: RunningDaemon, count: int) -> list[float]:
    """The engine through the plain client: what nothing in an editor can beat."""
    with daemon.client() as client:

        def run(number: int) -> float:
            began = time.perf_counter()
            prefix, options = _LINE.format(number), {"max_tokens": _TOKENS, "temperature": 0.0}
            for _ in client.generate("", prefix, stop=["\n"], **options):  # type: ignore[arg-type]
                pass
            return time.perf_counter() - began

        return times(run, count)


def served(daemon: RunningDaemon, root: Path, count: int) -> Iterator[tuple[str, list[float]]]:
    """The language server: asked anew, and while the hint is being typed."""
    options = {"debounceMs": 0, "maxTokens": _TOKENS, "context": False}
    client = LanguageClient(daemon.environment, root, options=options)
    kept: list[float] = []

    def run(number: int) -> float:
        text = _LINE.format(number + 1000)
        uri = client.open(f"{number}.txt", text, "text")
        began = time.perf_counter()
        hints = client.hints(uri, 0, len(text))
        took = time.perf_counter() - began
        if hints:
            client.type(uri, 0, len(text), hints[0]["insertText"][0])
            began = time.perf_counter()
            client.hints(uri, 0, len(text) + 1)
            kept.append((time.perf_counter() - began) * 1000)
        return took

    try:
        yield "language server, asked anew", times(run, count)
        yield "language server, hint being typed", kept[1:]
    finally:
        client.close()


def shown(daemon: RunningDaemon, root: Path, count: int) -> Iterator[tuple[str, list[float]]]:
    """Neovim: from the key to the mark, told by the editor's own clock."""
    nvim = Neovim(daemon.environment, root / "nvim", settings={"debounceMs": 0, "maxTokens": _TOKENS})
    nvim.lua(_WATCH)
    kept: list[float] = []

    def run(number: int) -> float:
        nvim.edit(root / f"n{number}.txt")
        nvim.type("i" + _LINE.format(number + 2000))
        await_true(lambda: nvim.text == _LINE.format(number + 2000), "the text", 30)
        took = float("nan")  # the model may have nothing to say
        with suppress(AssertionError):
            await_true(lambda: nvim.shown != "", "a hint", 8)
            took, hint = nvim.lua("return hob_took"), nvim.shown
            if len(hint) > 1:
                nvim.type(hint[0])
                await_true(lambda: nvim.shown == hint[1:], "the rest of the hint")
                kept.append(nvim.lua("return hob_took") * 1000)
        nvim.type("<Esc>")
        return took

    try:
        yield "Neovim, key to hint", times(run, count)
        yield "Neovim, hint being typed", kept[1:]
    finally:
        nvim.close()


_WATCH = """
local began = vim.uv.hrtime()
vim.on_key(function() began = vim.uv.hrtime() end)
local set = vim.api.nvim_buf_set_extmark
vim.api.nvim_buf_set_extmark = function(...)
  hob_took = (vim.uv.hrtime() - began) / 1e9
  return set(...)
end
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.editors")
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--hints", type=int, default=10)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        daemon = RunningDaemon(root / "home", fake_workers=given.model is None)
        daemon.add_model("model", given.model or "ok\n")
        daemon.start()
        try:
            told = [("engine through the client", raw(daemon, given.hints))]
            told += [*served(daemon, root, given.hints), *shown(daemon, root, given.hints)]
        finally:
            daemon.stop()
    for name, taken in told:
        middle, worst = statistics.median(taken), max(taken)
        print(json.dumps({"what": name, "median_ms": round(middle, 2), "worst_ms": round(worst, 2)}))


if __name__ == "__main__":
    main(sys.argv[1:])
