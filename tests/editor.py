"""An editor that speaks the Agent Client Protocol, for tests: it starts `hob acp` and does what it is asked.

Must read and write nothing that the agent did not ask for, and keep what it was asked. Used by the tests of
`hob acp`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import acp
from acp import schema as s
from hob_client import AsyncClient
from hob_client.agent.policy_file import read_policy
from hob_editors.acp.agent import HobAgent

HOB = Path(sys.executable).with_name("hob")
ABLE = s.ClientCapabilities(
    fs=s.FileSystemCapabilities(read_text_file=True, write_text_file=True), terminal=True
)


class Editor:
    """`choices`: the kind of option that its person takes at each question."""

    def __init__(self, *choices: str) -> None:
        self.choices = list(choices)
        self.questions: list[s.ToolCallUpdate] = []
        self.options: list[list[s.PermissionOption]] = []
        self.updates: list[Any] = []
        self.asked_for: list[str] = []  # paths
        self.commands: list[list[str]] = []
        self.has_spoken = asyncio.Event()

    def on_connect(self, conn: Any) -> None:
        pass

    async def request_permission(
        self, session_id: str, tool_call: s.ToolCallUpdate, options: list[s.PermissionOption], **_: Any
    ) -> s.RequestPermissionResponse:
        self.questions.append(tool_call)
        self.options.append(options)
        kind = self.choices.pop(0)
        if kind == "cancelled":
            return s.RequestPermissionResponse(outcome=s.DeniedOutcome(outcome="cancelled"))
        (chosen,) = [option.option_id for option in options if option.kind == kind]
        return s.RequestPermissionResponse(outcome=s.AllowedOutcome(outcome="selected", option_id=chosen))

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update)
        self.has_spoken.set()

    async def read_text_file(self, session_id: str, path: str, **_: Any) -> s.ReadTextFileResponse:
        self.asked_for.append(path)
        return s.ReadTextFileResponse(content=Path(path).read_text())

    async def write_text_file(
        self, session_id: str, path: str, content: str, **_: Any
    ) -> s.WriteTextFileResponse:
        self.asked_for.append(path)
        Path(path).write_text(content)
        return s.WriteTextFileResponse()

    async def create_terminal(
        self, session_id: str, command: str, args: list[str] | None = None, **_: Any
    ) -> s.CreateTerminalResponse:
        self.commands.append([command, *(args or ())])
        return s.CreateTerminalResponse(terminal_id="t1")

    async def wait_for_terminal_exit(self, **_: Any) -> s.WaitForTerminalExitResponse:
        return s.WaitForTerminalExitResponse(exit_code=3)

    async def terminal_output(self, **_: Any) -> s.TerminalOutputResponse:
        return s.TerminalOutputResponse(output="out\n", truncated=False)

    async def release_terminal(self, **_: Any) -> s.ReleaseTerminalResponse:
        self.commands.append(["released"])
        return s.ReleaseTerminalResponse()

    def said(self, kind: str = "agent_message_chunk") -> str:
        return "".join(each.content.text for each in self.updates if each.session_update == kind)

    def statuses(self) -> list[str]:
        """Of calls, in the order in which they were told."""
        return [
            each.status for each in self.updates if each.session_update in ("tool_call", "tool_call_update")
        ]


@asynccontextmanager
async def agent_process(editor: Editor, home: Path, door: Path) -> AsyncIterator[Any]:
    """What editors start, greeted."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HOB_SOCKET": str(door)}
    command = (editor, str(HOB), "acp", "--no-start")
    async with acp.spawn_agent_process(*command, env=environment) as (connection, _):
        await connection.initialize(protocol_version=1, client_capabilities=ABLE)
        yield connection


@asynccontextmanager
async def agent(
    editor: Editor, home: Path, door: Path, abilities: s.ClientCapabilities = ABLE
) -> AsyncIterator[Any]:
    """The same in this process, which starts the sooner: the protocol goes over a pair of sockets."""
    ours, its = socket.socketpair()
    reading, writing = await asyncio.open_connection(sock=ours)
    its_reading, its_writing = await asyncio.open_connection(sock=its)
    async with AsyncClient(door, start=False) as client:
        policy = read_policy(home / ".config/hob/tools.toml")
        hob = HobAgent(client, policy, "")
        living = asyncio.create_task(acp.run_agent(hob, its_writing, its_reading))  # type: ignore[arg-type]
        connection = acp.connect_to_agent(editor, writing, reading)  # type: ignore[arg-type]
        try:
            await connection.initialize(protocol_version=1, client_capabilities=abilities)
            yield connection
        finally:
            await connection.close()
            writing.close()
            await living
            await hob.close()
            its_writing.close()
