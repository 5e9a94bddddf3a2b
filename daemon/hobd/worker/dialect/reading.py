"""Reads an answer as it comes, character by character, and tells text, reasoning and calls apart.

Must never raise for what a model says: what is no well-formed call stays text. What is found depends on the
characters alone and not on how they were cut into pieces. Scripts are in the files of the families; used
by worker/speech.py and worker/budget.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from hobd.worker.dialect.parts import Arguments, CallBegun, CallEnded, Part, Said

T = TypeVar("T")
#: A family's way to read: it yields for the next character, and is thrown `Over` at the end of the answer.
Steps = Generator[None, str, T]
Script = Steps[None]
Say = Callable[[str], None]

_ANSWER: Callable[[str], Part] = Said
_REASONING: Callable[[str], Part] = partial(Said, is_reasoning=True)
_ARGUMENTS: Callable[[str], Part] = Arguments


class Over(Exception):
    """The answer has ended. Whoever holds text back says it and lets this pass."""


class Malformed(Exception):
    """What looked like a call is none; the last character that was read made it so."""


class Reader:
    """`push` pieces of an answer, then `flush`; each returns what became certain."""

    __slots__ = ("_hand", "_script")

    def __init__(self, script: Callable[[Hand], Script]) -> None:
        self._hand = Hand()
        self._script = script(self._hand)
        next(self._script)

    @property
    def is_reasoning(self) -> bool:
        """Whether reasoning is under way, as far as the characters so far tell."""
        return self._hand.is_reasoning

    def push(self, text: str) -> list[Part]:
        hand, script = self._hand, self._script
        for character in text:
            script.send(character)
            while hand.unread:
                again, rest, hand.unread = hand.unread[0], hand.unread[1:], ""
                script.send(again)
                hand.unread += rest
        return hand.take_parts()

    def flush(self) -> list[Part]:
        """What was held back. Nothing may be pushed after it."""
        try:
            self._script.throw(Over)
        except Over:
            pass
        return self._hand.take_parts()


class Hand:
    """What a script reads and writes with. `unread` is what it wants to read once more."""

    __slots__ = ("_held", "_last", "_runs", "has_spoken", "is_reasoning", "unread")

    def __init__(self) -> None:
        self._runs: list[tuple[Callable[[str], Part], list[str]]] = []
        self._held: list[str] | None = None  # what a call that is not certain yet consists of
        self._last = ""
        self.unread = ""
        self.has_spoken = False  # it said more than spaces, beside its reasoning
        self.is_reasoning = False

    # ------------------------------------------------------------------ what was found

    def say(self, text: str) -> None:
        """Text of the answer."""
        if text:
            self.has_spoken = self.has_spoken or not text.isspace()
            self._add(_ANSWER, text)

    def think(self, text: str) -> None:
        if text:
            self._add(_REASONING, text)

    def begin(self, name: str) -> None:
        """A call is certain: what was held for it was its markup."""
        self._held = None
        self._add(CallBegun, name)

    def argue(self, text: str) -> None:
        self._add(_ARGUMENTS, text)

    def end(self) -> None:
        self._add(_ended, "")

    def take_parts(self) -> list[Part]:
        """All that was found since the last time; neighbours of one kind are one."""
        if not self._runs:
            return []
        runs, self._runs = self._runs, []
        return [make("".join(texts)) for make, texts in runs]

    def _add(self, make: Callable[[str], Part], text: str) -> None:
        if self._runs and self._runs[-1][0] is make:
            self._runs[-1][1].append(text)
        else:
            self._runs.append((make, [text]))

    # ------------------------------------------------------------------ text

    def until(self, markers: tuple[str, ...], say: Say) -> Steps[str]:
        """Says all characters before the first marker, and returns which one came."""
        held, firsts = "", {marker[0] for marker in markers}
        try:
            while True:
                character = yield
                if not held and character not in firsts:
                    say(character)
                    continue
                held += character
                while held and not any(marker.startswith(held) for marker in markers):
                    say(held[0])
                    held = held[1:]
                if held in markers:
                    return held
        except Over:
            say(held)
            raise

    def skip_space(self) -> Script:
        """Drops spaces and newlines, if there are any."""
        character = " "
        while character.isspace():
            character = yield
        self.unread = character

    def swallow(self, *markers: str) -> Script:
        """Drops one of these with the spaces around it, if it is what comes next."""
        yield from self.skip_space()
        held = ""
        try:
            while held not in markers:
                held += yield
                if not any(marker.startswith(held) for marker in markers):
                    self.unread = held
                    return
        except Over:
            self.say(held)
            raise
        yield from self.skip_space()

    # ------------------------------------------------------------------ calls

    def attempt(self, opening: str, steps: Script) -> Steps[bool]:
        """Runs steps that read a call. False if it is none: then its markup, `opening` first, is text."""
        self._held = [opening]
        try:
            yield from steps
        except Malformed:
            if self._held is not None:
                self.say("".join(self._held[:-1]))
            self.unread = self._last + self.unread
            return False
        except Over:
            self.say("".join(self._held or ()))
            raise
        finally:
            self._held = None
        return True

    def character(self) -> Steps[str]:
        """The next one of a call's markup or arguments."""
        character = yield
        self._last = character
        if self._held is not None:
            self._held.append(character)
        return character

    def solid(self) -> Steps[str]:
        """The next one that is no space."""
        while True:
            character = yield from self.character()
            if not character.isspace():
                return character

    def put_back(self) -> None:
        """The last character is to be read once more."""
        self.unread = self._last + self.unread
        if self._held:
            self._held.pop()

    def expect(self, characters: str) -> Steps[str]:
        """The next one that is no space, which must be one of these."""
        character = yield from self.solid()
        if character not in characters:
            raise Malformed
        return character


def _ended(_: str) -> Part:
    return CallEnded()
