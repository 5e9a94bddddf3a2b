"""Asks the person at the editor whether a call may be carried out.

Must take nothing for a yes but the option that says so. Used by session.py.
"""

from __future__ import annotations

from acp import Client, RequestError
from acp import schema as s
from hob_client.agent.consent import Question, Reply, Word
from hob_client.agent.telling import unmasked

from hob_editors.acp.showing import content_of, kind_of, title_of


class EditorConsent:
    """Of one session."""

    def __init__(self, editor: Client, session_id: str) -> None:
        self._editor = editor
        self._id = session_id

    async def ask(self, question: Question) -> Word:
        call, action = question.call, question.action
        shown = s.ToolCallUpdate(
            tool_call_id=call.id,
            title=title_of(action),
            kind=kind_of(action, call.name),
            status="pending",
            content=content_of(action),
        )
        try:
            told = await self._editor.request_permission(
                session_id=self._id, tool_call=shown, options=_options(question)
            )
        except RequestError:
            return Word(reply=Reply.NO, why="the editor could not ask")
        outcome = told.outcome
        if not isinstance(outcome, s.AllowedOutcome):
            return Word(reply=Reply.NO)
        offered = {option.option_id for option in _options(question)}
        return Word(reply=Reply(outcome.option_id) if outcome.option_id in offered else Reply.NO)


def _options(question: Question) -> list[s.PermissionOption]:
    """Where a yes holds for the session anyway, nothing is called "once"."""
    scope = unmasked(question.action.scope, is_line=True)
    always = s.PermissionOption(
        option_id=Reply.SESSION, name=f"Always this session: {scope}", kind="allow_always"
    )
    once = s.PermissionOption(option_id=Reply.YES, name="Allow once", kind="allow_once")
    no = s.PermissionOption(option_id=Reply.NO, name="Reject", kind="reject_once")
    return [always, no] if question.holds_for_session else [once, always, no]
