"""Asks the model, has its calls carried out, and asks again, until turn.py says that it is over.

Must leave the conversation so that it can go on, whatever ends a turn: no call stays without a result. Called
by hob_cli and hob_editors.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hob_client.agent.turn import Ending, Turn
from hob_client.agent.values import Call, Declined, Outcome
from hob_client.values import Receipt, ToolCall

if TYPE_CHECKING:
    from hob_client.async_client import AsyncClient
    from hob_client.events import Event
    from hob_client.requests import Message


class Hands(Protocol):
    """Carries calls out: toolbox.py."""

    def offered(self) -> list[dict[str, Any]]: ...
    async def run(self, call: Call) -> Outcome: ...


class Ears(Protocol):
    """Whoever shows an answer while it comes, and what is declined."""

    async def hear(self, event: Event) -> None: ...
    async def decline(self, declined: Declined) -> None: ...


@dataclass(slots=True, kw_only=True)
class Talk:
    """A conversation under way. `turns` grows; the last one is the user's when a turn begins."""

    model: str
    system: str = field(default="", repr=False)
    turns: list[Message] = field(default_factory=list, repr=False)
    parameters: dict[str, Any] = field(default_factory=dict, repr=False)

    def messages(self) -> list[Message]:
        system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *self.turns]


async def work(client: AsyncClient, talk: Talk, turn: Turn, hands: Hands, ears: Ears) -> Ending:
    """A whole turn. Raises HobError; cancelled, it ends the request at the daemon at once."""
    is_first = True
    while turn.ending is None:
        answer = await _listen(client, talk, _tools(talk, turn, hands, is_first), ears)
        is_first = False
        verdicts = turn.heed(answer.calls, answer.finish_reason)
        await _carry_out(verdicts, talk, turn, hands, ears)
    return turn.ending


def _tools(talk: Talk, turn: Turn, hands: Hands, is_first: bool) -> dict[str, Any]:
    """A wish for a certain call holds for the first answer alone: else nothing but calls would follow."""
    choice = talk.parameters.get("tool_choice", "auto") if is_first else "auto"
    tools = hands.offered()
    return {"tools": tools, "tool_choice": choice if turn.may_call else "none"} if tools else {}


class _Heard:
    """What has come of an answer."""

    __slots__ = ("finish_reason", "pieces", "receipt", "text")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.pieces: list[list[Any]] = []
        self.finish_reason = ""
        self.receipt: Receipt | None = None

    def add(self, event: Event) -> None:
        if event.kind == "delta" and not event.is_reasoning:
            self.text.append(event.text)
        elif event.kind == "tool_call":
            if event.id or not self.pieces:
                self.pieces.append([])
            self.pieces[-1].append(event)
        elif event.kind == "done":
            self.finish_reason, self.receipt = event.finish_reason, event.receipt

    @property
    def calls(self) -> Sequence[ToolCall]:
        return [
            ToolCall(id=first.id, name=first.name, arguments="".join(piece.arguments for piece in pieces))
            for pieces in self.pieces
            for first in pieces[:1]
        ]


async def _listen(client: AsyncClient, talk: Talk, tools: dict[str, Any], ears: Ears) -> _Heard:
    """What is said becomes the assistant's turn, were it a part; calls only if the answer is whole."""
    heard = _Heard()
    parameters = {name: value for name, value in talk.parameters.items() if name != "tool_choice"}
    try:
        async with aclosing(client.chat(talk.model, talk.messages(), **parameters, **tools)) as events:
            async for event in events:
                heard.add(event)
                await ears.hear(event)
    finally:
        said: Message = {"role": "assistant", "content": "".join(heard.text)}
        if heard.receipt is not None and heard.calls:
            said["tool_calls"] = [_kept(call) for call in heard.calls]
        if said["content"] or "tool_calls" in said:
            talk.turns.append(said)
    return heard


def _kept(call: ToolCall) -> dict[str, str]:
    """A daemon takes no arguments back that are no object."""
    try:
        call.parsed()
    except (ValueError, RecursionError):
        return {"id": call.id, "name": call.name, "arguments": "{}"}
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


async def _carry_out(
    verdicts: Sequence[Call | Declined], talk: Talk, turn: Turn, hands: Hands, ears: Ears
) -> None:
    """One after the other, as the model wrote them: the second may need what the first did."""
    waiting = list(verdicts)
    try:
        while waiting:
            verdict = waiting[0]
            if isinstance(verdict, Declined):
                await ears.decline(verdict)
                text = f"error: {verdict.why}"
            else:
                text = (await hands.run(verdict)).text
            talk.turns.append(_result(waiting.pop(0), turn.clip(text)))
    finally:
        for verdict in waiting:  # what stopped us stopped these
            talk.turns.append(_result(verdict, "error: it was cancelled"))


def _result(verdict: Call | Declined, text: str) -> Message:
    return {"role": "tool", "tool_call_id": verdict.id, "content": text}
