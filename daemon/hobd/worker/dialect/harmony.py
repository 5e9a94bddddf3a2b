"""gpt-oss: every part of an answer is a message on a channel, and a call is a message to a function.

Must stay pure; see family.py. The template ends with <|start|>assistant, so an answer begins in a header:

    <|channel|>analysis<|message|> reasoning <|end|>
    <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{...}<|call|>
    <|start|>assistant<|channel|>final<|message|> the answer <|return|>

`to=` may also stand before <|channel|>. A commentary to nobody is text for the user. <|call|> and <|return|>
end the answer, so there is one call in it at most.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hobd.worker.dialect import lark
from hobd.worker.dialect.calls import arguments
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.parts import Offer
from hobd.worker.dialect.reading import Hand, Over, Script, Steps

_START, _CHANNEL, _MESSAGE, _END = "<|start|>", "<|channel|>", "<|message|>", "<|end|>"
_CONSTRAIN, _CALL, _RETURN = "<|constrain|>", "<|call|>", "<|return|>"
_ENDS = (_END, _CALL, _RETURN, _START, _CHANNEL)
_MOST_HEADER_CHARACTERS = 200
_TO_CALL = f"{_CHANNEL}commentary to=functions.{{name}} {_CONSTRAIN}json{_MESSAGE}"
_TO = re.compile(r"to=functions\.([A-Za-z0-9_.-]+)")
_ON = re.compile(r"<\|channel\|>\s*(\w+)")


class Harmony(Family):
    call_marks = (_START, _CHANNEL, _MESSAGE, _END, _CONSTRAIN, _CALL, _RETURN)

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.tags = None  # channels, not tags

    @classmethod
    def speaks(cls, template: str) -> bool:
        return _CHANNEL in template

    @property
    def can_reason(self) -> bool:
        return True

    def arguments(self, reasoning: bool) -> dict[str, Any]:
        # These models always reason; they can only be asked to be brief about it.
        return {} if reasoning else {"reasoning_effort": "low"}

    @property
    def end_of_reasoning(self) -> str:
        return f"{_END}{_START}assistant{_CHANNEL}final{_MESSAGE}"

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        return f"{_TO_CALL.format(name=name)}{json.dumps(arguments, ensure_ascii=False)}{_CALL}"

    def _script(self, hand: Hand, names: frozenset[str], prompt: str) -> Script:
        # A template, or a message that is to be continued, may have written the header already.
        header, is_open, _ = prompt[max(0, prompt.rfind(_START)) :].partition(_MESSAGE)
        if not is_open:
            header = yield from _header(hand)
        while True:
            yield from self._message(hand, names, header)
            header = yield from _header(hand)

    def _message(self, hand: Hand, names: frozenset[str], header: str) -> Script:
        to, on = _TO.search(header), _ON.search(header)
        if to and to[1] in names and (yield from hand.attempt("", arguments(hand, to[1]))):
            yield from hand.swallow(_END, _CALL, _RETURN)
            return
        hand.is_reasoning = bool(on and on[1] == "analysis")
        found = yield from hand.until(_ENDS, hand.think if hand.is_reasoning else hand.say)
        hand.is_reasoning = False
        if found in (_START, _CHANNEL):
            hand.unread = found

    def grammar(self, offer: Offer, prompt: str, marks: Marks) -> str | None:
        calls = [
            f"{_said(_TO_CALL.format(name=tool['function']['name']), marks)} {lark.schema(tool)}"
            for tool in self._guided(offer)
        ]
        rules = [
            lark.TEXT,
            lark.either("call", calls),
            lark.until("thinking", _END, marks),
            f"analysis: {_said(f'{_CHANNEL}analysis{_MESSAGE}', marks)} thinking "
            f"{_said(f'{_START}assistant', marks)}",
            f"final: {_said(f'{_CHANNEL}final{_MESSAGE}', marks)} TEXT",
        ]
        return lark.grammar("analysis? call" if offer.must_call else "analysis? (call | final)", *rules)


def _header(hand: Hand) -> Steps[str]:
    """All up to <|message|>. What cannot be a header is text, and "" is returned."""
    held = ""
    try:
        while not held.endswith(_MESSAGE):
            held += yield
            if not _may_be_header(held):
                hand.say(held)
                return ""
    except Over:
        if "<|" not in held:
            hand.say(held)
        raise
    return held


def _may_be_header(held: str) -> bool:
    text = held.lstrip()
    begins = any(begin.startswith(text[: len(begin)]) for begin in (_CHANNEL, _START, "to="))
    return begins and len(held) <= _MOST_HEADER_CHARACTERS


def _said(text: str, marks: Marks) -> str:
    """A text with marks in it, for a grammar."""
    parts = (part for part in re.split(r"(<\|[a-z]+\|>)", text) if part)
    return " ".join(lark.mark(part, marks) if part.startswith("<|") else lark.quoted(part) for part in parts)
