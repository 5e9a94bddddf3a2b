"""Answers with tools: a chat's turns, in which the model reads and changes files if the person lets it.

Must leave the conversation as conversation.py keeps it, and end all that it started. Used by
commands/chat.py.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hob_client.agent import file_tools
from hob_client.agent.confinement import Place
from hob_client.agent.consent import Ask, Gate
from hob_client.agent.driver import Talk, work
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.files import Files
from hob_client.agent.journal import Journal
from hob_client.agent.mcp_servers import Servers
from hob_client.agent.policy import Policy
from hob_client.agent.shell import SHELL, ShellTool
from hob_client.agent.telling import doubt, instructions, why_ended
from hob_client.agent.toolbox import Toolbox
from hob_client.agent.turn import Turn
from hob_client.agent.values import Action, Call, Declined, Outcome
from hob_client.errors import HobError
from hob_client.network import require_online_async

from hob_cli.answering import JsonPrinter, TextPrinter
from hob_cli.consenting import JsonScreen, TextScreen, ask_nobody, ask_person
from hob_cli.render import print_note

if TYPE_CHECKING:
    from hob_client.async_client import AsyncClient
    from hob_client.events import Event

    from hob_cli.conversation import Conversation


class Workbench:
    """Tools in a folder, for the turns of one chat. What is asynchronous lives in a loop of its own, which
    runs while an answer is made."""

    def __init__(
        self,
        socket: str,
        folder: Path,
        policy: Policy,
        *,
        start: bool,
        can_ask: bool,
        as_json: bool,
        stats: bool,
    ) -> None:
        self._socket = socket
        self._start = start
        self._policy = policy
        self._as_json = as_json
        self._stats = stats
        self._place = Place(folder)
        ask: Ask = ask_person if can_ask else ask_nobody
        self._screen: TextScreen | JsonScreen = JsonScreen() if as_json else TextScreen()
        self._printer: JsonPrinter | TextPrinter = JsonPrinter()
        self.toolbox = Toolbox(policy, Gate(policy, ask), Journal("chat"), self)
        self._add_tools()
        self._servers = Servers(policy, self._place.root, self._require_online)
        self._runner = asyncio.Runner()
        self._client: AsyncClient | None = None

    def __enter__(self) -> Self:
        logging.disable()  # libraries quote what they could not read
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._close())
        finally:
            self._runner.close()
            logging.disable(logging.NOTSET)

    def open(self, model: str) -> None:
        """Connects, starts the servers that may be started, and says what there is."""
        self._runner.run(self._open(model))

    def answer(self, conversation: Conversation) -> None:
        """Answers the last question. Raises HobError, and KeyboardInterrupt for Ctrl-C."""
        try:
            self._runner.run(self._answer(conversation))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    # ------------------------------------------------------------- in the loop

    async def _open(self, model: str) -> None:
        from hob_client.async_client import AsyncClient

        self._client = AsyncClient(self._socket, start=self._start)
        for server in self._policy.servers.values():
            try:
                await self._servers.start(server, self.toolbox)
            except HobError as error:
                print_note(error.message)
        print_note(f"tools in {self._place.root}: {', '.join(self.toolbox.names)}")
        if doubtful := await doubt(self._client, model):
            print_note(doubtful)

    async def _answer(self, conversation: Conversation) -> None:
        assert self._client is not None
        parameters = {name: value for name, value in conversation.parameters.items() if name != "tools"}
        system = conversation.system or instructions(self._place.root, self.toolbox.names)
        talk = Talk(model=conversation.model, system=system, turns=conversation.turns, parameters=parameters)
        self._printer = self._new_printer()
        try:
            turn = Turn(self.toolbox.names, self._policy.limits)
            ending = await work(self._client, talk, turn, self.toolbox, self)
        finally:
            self._printer.close()
        if told := why_ended(ending, self._policy):
            print_note(told)

    async def _close(self) -> None:
        await self._servers.close()
        if self._client is not None:
            await self._client.close()

    async def _require_online(self, purpose: str) -> None:
        assert self._client is not None
        await require_online_async(purpose, self._client)

    def _add_tools(self) -> None:
        exclusions = Exclusions(self._place, self._policy.exclude)
        self.toolbox.add(file_tools.SPECS, file_tools.FileTools(Files(self._place, exclusions)))
        self.toolbox.add([SHELL], ShellTool(self._place.root, self._policy, self._require_online))

    def _new_printer(self) -> JsonPrinter | TextPrinter:
        return JsonPrinter() if self._as_json else TextPrinter(stats=self._stats)

    # ------------------------------------------------------------- what is shown: ears, and a show

    async def hear(self, event: Event) -> None:
        if event.kind != "tool_call" or self._as_json:
            self._printer.show(event)

    async def decline(self, declined: Declined) -> None:
        self._printer.close()
        self._screen.decline(declined)

    async def begin(self, call: Call, action: Action) -> None:
        self._printer.close()
        self._screen.begin(call, action)

    async def end(self, call: Call, outcome: Outcome) -> None:
        self._screen.end(call, outcome)
