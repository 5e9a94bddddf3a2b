"""What a session tells its editor while a turn is under way: the answer, thoughts, and every call.

Must tell in the order in which things happen. Made by session.py; the ears of driver.py, and the show of
toolbox.py.
"""

from __future__ import annotations

from pathlib import Path

from acp import (
    Client,
    start_tool_call,
    update_agent_message_text,
    update_agent_thought_text,
    update_tool_call,
)
from acp import schema as s
from hob_client.agent.telling import unmasked
from hob_client.agent.values import Action, Call, Declined, Outcome
from hob_client.events import Event

from hob_editors.acp.showing import content_of, kind_of, text_content, title_of


class Voice:
    """Of one session."""

    def __init__(self, editor: Client, session_id: str, root: Path) -> None:
        self._editor = editor
        self._id = session_id
        self._root = root

    async def hear(self, event: Event) -> None:
        if event.kind == "delta" and event.text:
            tell = update_agent_thought_text if event.is_reasoning else update_agent_message_text
            await self._tell(tell(event.text))
        elif event.kind == "warning":
            await self._tell(update_agent_thought_text(f"[{event.message}]\n"))

    async def decline(self, declined: Declined) -> None:
        title = unmasked(declined.name, is_line=True)
        await self._tell(
            start_tool_call(
                declined.id, title, kind="other", status="failed", content=text_content(declined.why)
            )
        )

    async def begin(self, call: Call, action: Action) -> None:
        locations = [s.ToolCallLocation(path=str(self._root / action.path))] if action.path else None
        await self._tell(
            start_tool_call(
                call.id,
                title_of(action),
                kind=kind_of(action, call.name),
                status="pending",
                content=content_of(action),
                locations=locations,
                raw_input=dict(call.arguments),
            )
        )

    async def end(self, call: Call, outcome: Outcome) -> None:
        """A difference that was shown stays; what a failed call says takes its place."""
        status: s.ToolCallStatus = "completed" if outcome.is_done else "failed"
        await self._tell(update_tool_call(call.id, status=status, content=text_content(outcome.text)))

    async def _tell(self, update: object) -> None:
        await self._editor.session_update(session_id=self._id, update=update)  # type: ignore[arg-type]
