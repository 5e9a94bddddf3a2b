"""What every family of models has in common: how tools get into its prompts, and how its answers are read.

Must stay pure. A family is one class of one file, made from a chat template; `dialect.choose` finds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hobd.worker.dialect import describing, lark
from hobd.worker.dialect.describing import Message, Tool
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.parts import Offer
from hobd.worker.dialect.reading import Hand, Reader, Script


@dataclass(frozen=True, slots=True)
class Tags:
    """The marks around reasoning."""

    opening: str
    closing: str


_TAGS = (Tags("<think>", "</think>"), Tags("[THINK]", "[/THINK]"))


class Family:
    """A dialect, for one template. Subclasses say what differs."""

    #: Texts whose control tokens a reader has to see; the tags of reasoning come on top.
    call_marks: ClassVar[tuple[str, ...]] = ()
    #: What a call can begin with.
    _openings: ClassVar[tuple[str, ...]] = ()
    #: What begins calls and nothing else.
    _trigger: ClassVar[str | None] = None

    def __init__(self, template: str) -> None:
        self.knows_tools = _has_variable(template, "tools")
        self.tags = next((tags for tags in _TAGS if tags.closing in template), None)
        switches = ("enable_thinking", "thinking")
        self._switches = tuple(name for name in switches if _has_variable(template, name))

    @classmethod
    def speaks(cls, template: str) -> bool:
        """Whether a template has the marks of this family."""
        raise NotImplementedError

    # ------------------------------------------------------------------ into the prompt

    def enter(self, messages: list[Message], tools: Sequence[Tool]) -> tuple[list[Message], Sequence[Tool]]:
        """The conversation and the tools as the template should get them."""
        if self.knows_tools:
            return messages, tools
        turns = describing.plain_turns(messages, self.written)
        if not tools:
            return turns, ()
        return describing.with_system_text(turns, describing.describe(tools, self.written)), ()

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        """A call as this family writes it."""
        raise NotImplementedError

    def arguments(self, reasoning: bool) -> dict[str, Any]:
        """The template's own variables that turn reasoning on or off."""
        return dict.fromkeys(self._switches, reasoning)

    # ------------------------------------------------------------------ out of the answer

    @property
    def can_reason(self) -> bool:
        return self.tags is not None

    @property
    def marks(self) -> tuple[str, ...]:
        tags = (self.tags.opening, self.tags.closing) if self.tags else ()
        return (*self.call_marks, *tags)

    @property
    def end_of_reasoning(self) -> str:
        """What is put into a model's mouth when it has reasoned for long enough."""
        return f"\n{self.tags.closing}\n\n" if self.tags else ""

    def reader(self, prompt: str, names: frozenset[str] = frozenset()) -> Reader | None:
        """Reads the answer to a rendered prompt; None where all of it can only be plain text."""
        if not names and not self.can_reason:
            return None
        return Reader(lambda hand: self._script(hand, names, prompt))

    def opens_reasoning(self, prompt: str) -> bool:
        """Whether the template has already written the tag that opens the reasoning."""
        return self.tags is not None and prompt.rstrip().endswith(self.tags.opening)

    def call_id(self, digest: str) -> str:
        """An id of the form that this family's templates take."""
        return f"call_{digest[:12]}"

    def _script(self, hand: Hand, names: frozenset[str], prompt: str) -> Script:
        """Reasoning comes first or not at all; then text and calls."""
        tags = self.tags
        openings = self._openings if names else ()
        if tags and self.opens_reasoning(prompt):
            yield from _thought(hand, tags)
        markers = (*openings, tags.opening) if tags else openings
        while True:
            found = yield from hand.until(markers, hand.say)
            if tags and found == tags.opening:
                if hand.has_spoken:
                    hand.say(found)
                else:
                    yield from _thought(hand, tags)
            else:
                yield from self._read_call(hand, found, names)

    def _read_call(self, hand: Hand, opening: str, names: frozenset[str]) -> Script:
        """Reads on after one of `_openings`."""
        raise NotImplementedError

    # ------------------------------------------------------------------ enforcement

    def grammar(self, offer: Offer, prompt: str, marks: Marks) -> str | None:
        """A Lark grammar under which calls are calls of what is offered, with arguments after their schemas.

        None where that is not to be enforced: the model may choose, and nothing marks a call's beginning.
        """
        calls = [self._call_rule(tool, marks) for tool in self._guided(offer)]
        rules = [lark.TEXT, lark.either("call", calls)]
        thought = self._thought_rule(prompt, marks, rules)
        trigger, rest = self._trigger, self._calls_rule(offer.is_parallel, marks)
        if offer.must_call:
            begin = lark.mark(trigger, marks) if trigger else ""
            return lark.grammar(f"{thought} {begin} {rest}", *rules)
        if trigger is None:
            return None
        rules.append(lark.until("lead", trigger, marks))
        return lark.grammar(f"{thought} (TEXT | lead {rest})", *rules)

    def _guided(self, offer: Offer) -> list[Tool]:
        """A call that was asked for keeps all of its schema or is refused; one that the model thought of
        keeps what can be enforced, so that an odd keyword in one of many schemas refuses nothing."""
        return [lark.guided(tool, is_lenient=not offer.must_call) for tool in offer.tools]

    def _thought_rule(self, prompt: str, marks: Marks, rules: list[str]) -> str:
        """What of the answer may be reasoning; adds the rules for it."""
        tags = self.tags
        if tags is None:
            return ""
        is_open = self.opens_reasoning(prompt)
        opening = "" if is_open else lark.mark(tags.opening, marks)
        rules += [
            lark.until("thinking", tags.closing, marks),
            f"thought: {opening} thinking SPACE",
            r"SPACE: /[ \n]{0,3}/",
        ]
        return "thought" if is_open else "thought?"

    def _call_rule(self, tool: Tool, marks: Marks) -> str:
        """One call of a tool, after the trigger."""
        raise NotImplementedError

    def _calls_rule(self, is_parallel: bool, marks: Marks) -> str:
        """One call or several by the rule `call`, after the trigger."""
        raise NotImplementedError


def _has_variable(template: str, name: str) -> bool:
    """Whether a template uses a variable in one of its statements or expressions; in linear time."""
    is_inside = False
    for found in re.finditer(rf"\{{[{{%]|[%}}]\}}|\b{name}\b", template):
        if is_inside and found[0] == name:
            return True
        is_inside = found[0][0] == "{" or (is_inside and found[0] == name)
    return False


def _thought(hand: Hand, tags: Tags) -> Script:
    hand.is_reasoning = True
    yield from hand.skip_space()
    yield from hand.until((tags.closing,), hand.think)
    hand.is_reasoning = False
    yield from hand.skip_space()
