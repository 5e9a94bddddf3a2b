"""One session of an editor: its conversation, tools and mode, and the turn under way.

Must be in memory only, run one turn at a time, and end the request at the daemon as soon as a turn is
cancelled. Made by agent.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from acp import Client, update_agent_message_text
from acp import schema as s
from hob_client.agent import file_tools
from hob_client.agent.confinement import Place
from hob_client.agent.consent import Gate
from hob_client.agent.driver import Talk, work
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.journal import Journal
from hob_client.agent.mcp_servers import Servers, named
from hob_client.agent.policy import Policy
from hob_client.agent.shell import SHELL, ShellTool
from hob_client.agent.telling import doubt, instructions, why_ended
from hob_client.agent.toolbox import Toolbox
from hob_client.agent.turn import Ending, Turn
from hob_client.agent.values import Kind
from hob_client.async_client import AsyncClient
from hob_client.errors import Busy, InvalidRequest, NotPermitted
from hob_client.network import require_online_async

from hob_editors.acp.editor import EditorFiles, EditorTerminal, can_read, can_write
from hob_editors.acp.permission import EditorConsent
from hob_editors.acp.plan import PLAN, PlanTool
from hob_editors.acp.question import Question, read_blocks
from hob_editors.acp.voice import Voice

ASK, EDIT = "ask", "edit"
_MODES = (
    s.SessionMode(id=ASK, name="Ask", description="Asks before each change."),
    s.SessionMode(id=EDIT, name="Edit", description="Changes files in the project without asking."),
)
_REASONS: dict[Ending, Any] = {
    Ending.ANSWERED: "end_turn",
    Ending.CUT_OFF: "max_tokens",
    Ending.STEPS: "max_turn_requests",
    Ending.STUCK: "max_turn_requests",
}


def modes(current: str) -> s.SessionModeState:
    return s.SessionModeState(current_mode_id=current, available_modes=list(_MODES))


def check_mode(id: str) -> str:
    if id not in {mode.id for mode in _MODES}:
        raise InvalidRequest(f"there is no mode of that name; there are {ASK} and {EDIT}")
    return id


class Session:
    """`open` it, then `answer` prompts one at a time."""

    def __init__(
        self,
        id: str,
        client: AsyncClient,
        editor: Client,
        abilities: s.ClientCapabilities,
        policy: Policy,
        place: Place,
        model: str,
    ) -> None:
        self._id = id
        self._client = client
        self._editor = editor
        self._policy = policy
        self._place = place
        self.mode = ASK
        self._talk = Talk(model=model)
        self._gate = Gate(policy, EditorConsent(editor, id).ask)
        self._voice = Voice(editor, id, place.root)
        self._toolbox = Toolbox(policy, self._gate, Journal("acp"), self._voice)
        self._servers = Servers(policy, place.root, self._require_online)
        self._add_tools(abilities)
        self._turn: asyncio.Task[Ending] | None = None
        self._doubted: str | None = None  # the model that was last looked at

    async def open(self, asked: Sequence[Any]) -> None:
        """Starts the servers that the editor asks for and the policy names. Raises HobError for any other."""
        servers = []
        for wish in asked:
            if not isinstance(wish, s.McpServerStdio):
                raise NotPermitted(
                    "an MCP server is reached over a network; hob starts them over stdio alone"
                )
            servers.append(named(self._policy, wish.name, wish.command, wish.args))
        for server in servers:
            await self._servers.start(server, self._toolbox)

    async def close(self) -> None:
        self.cancel()
        await self._servers.close()

    def use_mode(self, mode: str) -> None:
        self.mode = mode
        self._gate.grant(Kind.WRITE, mode == EDIT)

    def use_model(self, model: str) -> None:
        self._talk.model = model

    def cancel(self) -> None:
        if self._turn is not None:
            self._turn.cancel()

    async def answer(self, blocks: Sequence[Any]) -> s.PromptResponse:
        """One turn. Raises HobError."""
        if self._turn is not None:
            raise Busy("this session answers another prompt; cancel that first")
        question = read_blocks(blocks)
        self._turn = asyncio.create_task(self._work(question))
        try:
            ending = await self._turn
        except asyncio.CancelledError:
            return s.PromptResponse(stop_reason="cancelled")
        finally:
            self._turn = None
        if told := why_ended(ending, self._policy):
            await self._say(f"\n\n[{told}]")
        return s.PromptResponse(stop_reason=_REASONS[ending])

    async def _work(self, question: Question) -> Ending:
        if self._doubted != self._talk.model:
            self._doubted = self._talk.model
            if doubtful := await doubt(self._client, self._talk.model):
                await self._say(f"[{doubtful}]\n\n")
        self._talk.system = instructions(self._place.root, self._toolbox.names)
        if self._talk.turns and self._talk.turns[-1]["role"] == "user":
            self._talk.turns.pop()  # a question that got no answer
        self._talk.turns.append({"role": "user", "content": question.content})
        turn = Turn(self._toolbox.names, self._policy.limits)
        return await work(self._client, self._talk, turn, self._toolbox, self._voice)

    async def _say(self, text: str) -> None:
        await self._editor.session_update(session_id=self._id, update=update_agent_message_text(text))

    def _add_tools(self, abilities: s.ClientCapabilities) -> None:
        """Those that this editor can carry out."""
        exclusions = Exclusions(self._place, self._policy.exclude)
        files = file_tools.FileTools(EditorFiles(self._place, exclusions, self._editor, self._id))
        if can_read(abilities):
            self._toolbox.add([file_tools.READ, file_tools.LIST, file_tools.SEARCH], files)
        if can_read(abilities) and can_write(abilities):
            self._toolbox.add([file_tools.EDIT, file_tools.WRITE], files)
        if abilities.terminal:
            terminal = EditorTerminal(self._editor, self._id)
            shell = ShellTool(self._place.root, self._policy, self._require_online, terminal.run)
            self._toolbox.add([SHELL], shell)
        self._toolbox.add([PLAN], PlanTool(self._editor, self._id))

    async def _require_online(self, purpose: str) -> None:
        await require_online_async(purpose, self._client)
