"""A conversation under way: its turns, its model, its parameters.

Must never be written to disk, nor show its text in a repr. Used by commands/chat.py and slash.py.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hob_client.events import Event
    from hob_client.requests import Message


class Conversation:
    """Turns alternate between user and assistant; the system prompt stands before them."""

    __slots__ = ("_turns", "model", "parameters", "system")

    def __init__(self, *, model: str, system: str, parameters: dict[str, Any]) -> None:
        self.model = model
        self.system = system
        self.parameters = parameters
        self._turns: list[Message] = []

    def messages(self) -> list[Message]:
        system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *self._turns]

    def say(self, text: str) -> None:
        """The user's turn. It replaces a question that got no answer, so that roles go on alternating."""
        if self._turns and self._turns[-1]["role"] == "user":
            self._turns.pop()
        self._turns.append({"role": "user", "content": text})

    def listen(self, events: Generator[Event, None, None]) -> Generator[Event, None, None]:
        """Pass the events of an answer on; what came of it, were it a part, becomes the assistant's turn."""
        pieces: list[str] = []
        try:
            with closing(events):
                for event in events:
                    if event.kind == "delta" and not event.is_reasoning:
                        pieces.append(event.text)
                    yield event
        finally:
            if pieces:
                self._turns.append({"role": "assistant", "content": "".join(pieces)})

    def take_back(self) -> str | None:
        """Forget the last question, with its answer if it got one, and return the question."""
        if not self._turns:
            return None
        if self._turns[-1]["role"] == "assistant":
            self._turns.pop()
        return self._turns.pop()["content"]

    def reset(self) -> None:
        """Forget all turns."""
        self._turns.clear()
