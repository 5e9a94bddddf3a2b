"""The tool that runs a command, with the user's rights less what confined.py gives up.

Must never leave a process behind when its time is over or the call is cancelled, nor hand on the environment.
Used by toolbox.py; hob_editors runs the same command line in its editor's terminal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hob_client.agent.arguments import text
from hob_client.agent.confined import environment
from hob_client.agent.policy import Permission, Policy
from hob_client.agent.values import Action, Kind, Spec, ToolFault
from hob_client.errors import HobError

SHELL = Spec(
    name="run_command",
    kind=Kind.SHELL,
    description="Run a shell command in the working directory, where it may write. It cannot ask questions.",
    parameters={
        "type": "object",
        "properties": {"command": {"type": "string", "minLength": 1, "maxLength": 8000}},
        "required": ["command"],
        "additionalProperties": False,
    },
)
CONFINED = (sys.executable, "-I", "-m", "hob_client.agent.confined")
_MOST_OUTPUT_BYTES = 256 << 10

#: Runs a command line in a folder for so many seconds, and returns its output and exit status.
Runner = Callable[[list[str], Path, int], Awaitable[tuple[str, int | None]]]


class ShellTool:
    """`require_online`, as network.py has it, is asked anew for each command."""

    __slots__ = ("_folder", "_policy", "_require_online", "_run")

    def __init__(
        self,
        folder: Path,
        policy: Policy,
        require_online: Callable[[str], Awaitable[None]],
        run: Runner | None = None,
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._require_online = require_online
        self._run = run or run_here

    async def prepare(self, spec: Spec, arguments: Mapping[str, Any]) -> Action:
        command = text(arguments, "command", most=8000)
        if "\0" in command:
            raise ToolFault("a command has no NUL")

        async def do() -> str:
            seconds = self._policy.shell_seconds
            line = command_line(
                command,
                seconds,
                has_network=await self._may_use_network(),
                writes_below=None if self._policy.shell_writes_anywhere else self._folder,
            )
            output, status = await self._run(line, self._folder, seconds)
            return f"{output.rstrip()}\n[exit status {'unknown' if status is None else status}]".lstrip()

        return Action(kind=Kind.SHELL, title=f"$ {command}", scope="this very command", do=do)

    async def _may_use_network(self) -> bool:
        """Only if the user's policy and the machine's switch both say so; who cannot be asked has not."""
        if self._policy.network.permission is Permission.DENY:
            return False
        try:
            await self._require_online("a command")
        except HobError:
            return False
        return True


def command_line(
    command: str, seconds: int, *, has_network: bool, writes_below: Path | None = None
) -> list[str]:
    """`writes_below`: the folder that it may change, beside temporary files; None: whatever the user may."""
    network = [] if has_network else ["--no-network"]
    writes = [] if writes_below is None else ["--writes-below", str(writes_below)]
    return [*CONFINED, *network, "--seconds", str(seconds), *writes, "--", command]


def without_network(argv: list[str]) -> list[str]:
    """The same program, with a network of its own in which there is nothing."""
    return [*CONFINED, "--no-network", "--program", "--", *argv]


async def run_here(line: list[str], folder: Path, seconds: int) -> tuple[str, int | None]:
    """As a child of this process, in a group of its own."""
    process = await asyncio.create_subprocess_exec(
        *line,
        cwd=folder,
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    output = bytearray()
    try:
        async with asyncio.timeout(seconds):
            await _collect(process, output)
            await process.wait()
    except TimeoutError:
        raise ToolFault(f"the command took longer than {seconds} s and was ended") from None
    finally:
        await _end(process)
    return output.decode(errors="replace"), process.returncode


async def _collect(process: asyncio.subprocess.Process, output: bytearray) -> None:
    assert process.stdout is not None
    while piece := await process.stdout.read(64 << 10):
        if len(output) < _MOST_OUTPUT_BYTES:
            output += piece[: _MOST_OUTPUT_BYTES - len(output)]


async def _end(process: asyncio.subprocess.Process) -> None:
    """With all that it started and that stayed in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    await process.wait()
