"""A conversation under way: its turns, its model, its parameters.

Must never write itself to disk (saving.py does, when the user says so), nor show its text in a repr.
Used by commands/chat.py and slash.py.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hob_client.events import Event, ToolCallDelta
    from hob_client.requests import Message
    from hob_client.values import Media

    from hob_cli.saving import Saver


class Conversation:
    """Turns alternate between user and assistant; results follow calls; the system prompt is first."""

    __slots__ = ("_shown", "_unanswered", "model", "parameters", "saver", "system", "turns")

    def __init__(self, *, model: str, system: str, parameters: dict[str, Any]) -> None:
        self.model = model
        self.system = system
        self.parameters = parameters
        self.turns: list[Message] = []
        self.saver: Saver | None = None  # where it is saved, if the user wants that
        self._unanswered: list[str] = []  # ids of calls
        self._shown: list[Media] = []  # what comes with the user's next turn

    def messages(self) -> list[Message]:
        system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *self.turns]

    @property
    def is_waiting(self) -> bool:
        """Whether calls of the last answer still have no results."""
        return bool(self._unanswered)

    def show(self, media: list[Media]) -> None:
        """Images and sounds for the user's next turn."""
        self._shown += media

    def say(self, text: str) -> None:
        """The user's turn, or the result of the first call that waits for one. A turn replaces a question
        that got no answer, so that roles go on alternating."""
        if self._unanswered:
            self.turns.append({"role": "tool", "tool_call_id": self._unanswered.pop(0), "content": text})
            return
        if self.turns and self.turns[-1]["role"] == "user":
            self.turns.pop()
        self.turns.append({"role": "user", "content": [*self._shown, text] if self._shown else text})
        self._shown = []

    def listen(self, events: Generator[Event, None, None]) -> Generator[Event, None, None]:
        """Pass the events of an answer on; what came of it, were it a part, becomes the assistant's turn."""
        pieces: list[str] = []
        calls: list[dict[str, str]] = []
        try:
            with closing(events):
                for event in events:
                    if event.kind == "delta" and not event.is_reasoning:
                        pieces.append(event.text)
                    elif event.kind == "tool_call":
                        _add_piece(calls, event)
                    yield event
        finally:
            self._answered("".join(pieces), [call for call in calls if _is_whole(call)])

    def take_back(self) -> str | None:
        """Forget the last question, with all that came of it, and return the question."""
        self._unanswered.clear()
        while self.turns and self.turns[-1]["role"] != "user":
            self.turns.pop()
        if not self.turns:
            return None
        content = self.turns.pop()["content"]
        if isinstance(content, str):
            return content
        *shown, text = content
        self._shown = [piece for piece in shown if not isinstance(piece, str)] + self._shown
        return str(text)

    def go_on_after(self, turns: list[Message]) -> None:
        """Turns of another day take the place of these; calls that were not answered still wait."""
        self.reset()
        self.turns += turns
        calls: list[Any] = [call for turn in turns for call in turn.get("tool_calls", ())]
        answered = {turn.get("tool_call_id") for turn in turns}
        self._unanswered = [call["id"] for call in calls if call["id"] not in answered]

    def reset(self) -> None:
        """Forget all turns."""
        self.turns.clear()
        self._unanswered.clear()
        self._shown.clear()

    def _answered(self, text: str, calls: list[dict[str, str]]) -> None:
        if text or calls:
            turn: Message = {"role": "assistant", "content": text}
            if calls:
                turn["tool_calls"] = calls
            self.turns.append(turn)
        self._unanswered = [call["id"] for call in calls]


def _add_piece(calls: list[dict[str, str]], piece: ToolCallDelta) -> None:
    if piece.id:
        calls.append({"id": piece.id, "name": piece.name, "arguments": ""})
    calls[-1]["arguments"] += piece.arguments


def _is_whole(call: dict[str, str]) -> bool:
    """Whether its arguments were not cut off; a daemon takes no others back."""
    try:
        return isinstance(json.loads(call["arguments"]), dict)
    except ValueError:
        return False
