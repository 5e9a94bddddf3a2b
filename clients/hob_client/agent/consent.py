"""Who lets a call happen: the policy, what was said before in this session, or a person now.

Must never let a call pass that nobody allowed, nor take silence for a yes. Used by toolbox.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from hob_client.agent.policy import Permission, Policy
from hob_client.agent.values import Action, Call, Kind, ToolFault


class Reply(StrEnum):
    YES = "yes"
    SESSION = "session"  # always, until this session ends
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a person says. `why` goes to the model."""

    reply: Reply
    why: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May this be done? `why_asked` names the rule, `holds_for_session` says that a yes does."""

    call: Call
    action: Action
    why_asked: str
    holds_for_session: bool


Ask = Callable[[Question], Awaitable[Word]]


class Gate:
    """Of one session. `grant` is what a mode of an editor says for a whole kind."""

    __slots__ = ("_ask", "_granted", "_granted_kinds", "_policy")

    def __init__(self, policy: Policy, ask: Ask) -> None:
        self._policy = policy
        self._ask = ask
        self._granted: set[tuple[str, ...]] = set()
        self._granted_kinds: set[Kind] = set()

    def grant(self, kind: Kind, is_granted: bool = True) -> None:
        """A whole kind, as far as the policy leaves it to the person."""
        (self._granted_kinds.add if is_granted else self._granted_kinds.discard)(kind)

    async def admit(self, call: Call, action: Action) -> str:
        """The decision, in a word for the journal. Raises ToolFault if the answer is no."""
        rule = self._policy.rule(action.kind, action.server)
        if rule.permission is Permission.DENY:
            raise ToolFault(f"{call.name} is denied by {rule.source}; do without it")
        if rule.permission is Permission.ALLOW:
            return "policy"
        key = _key(call, action)
        if key in self._granted or action.kind in self._granted_kinds:
            return "session"
        is_once = rule.permission is Permission.ONCE
        word = await self._ask(
            Question(call=call, action=action, why_asked=rule.source, holds_for_session=is_once)
        )
        if word.reply is Reply.NO:
            raise ToolFault(f"the user does not allow this{': ' + word.why if word.why else ''}")
        if word.reply is Reply.SESSION or is_once:
            self._granted.add(key)
        return "person"


def _key(call: Call, action: Action) -> tuple[str, ...]:
    """What a yes for the session covers: a kind for files, one tool of a server, one very command."""
    if action.kind is Kind.SHELL:
        return (action.kind, action.title)
    return (action.kind, action.server, call.name) if action.kind is Kind.MCP else (action.kind,)
