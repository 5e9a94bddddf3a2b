"""One answer in which reasoning and tool calls are told apart: from token bytes to the parts of a Delta.

Must bring the same tokens to the same parts and ids, whoever pushes them and in however many steps: another
worker may go on in the middle. Stop strings are looked for in the answer's text only. Made by intake.py,
driven by answer.py.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping

from hobd.wire.messages import CallPart, TextPart
from hobd.worker.dialect.parts import Arguments, CallBegun, CallEnded, Part, Said
from hobd.worker.dialect.reading import Reader
from hobd.worker.text import TextStream

_KEY = b"hob tool call"


class Speech:
    """`marks` has the bytes of control tokens that the reader wants to see; all others say nothing."""

    __slots__ = (
        "_decoder",
        "_id_of",
        "_is_single",
        "_marks",
        "_parts",
        "_reader",
        "_stops",
        "num_calls",
        "stop",
    )

    def __init__(
        self,
        reader: Reader,
        marks: Mapping[int, bytes],
        stop: tuple[str, ...],
        *,
        id_of: Callable[[int], str],
        is_single: bool,
    ) -> None:
        """`id_of`: the id of the answer's n-th call. `is_single`: the answer is over after its first call."""
        self._reader = reader
        self._marks = marks
        self._id_of = id_of
        self._is_single = is_single
        self._decoder = TextStream()
        self._stops = TextStream(stop)
        self._parts: list[TextPart | CallPart] = []
        self.num_calls = 0
        self.stop = ""  # the stop string that ended the answer

    @property
    def has_parts(self) -> bool:
        return bool(self._parts)

    def push(self, token: int, piece: bytes) -> bool:
        """Adds one token. True when nothing may follow."""
        text = self._decoder.push(piece or self._marks.get(token, b"")).text
        return self._take(self._reader.push(text)) if text else False

    def flush(self) -> bool:
        """What was held back, at the end of an answer. True when there was a stop string in it."""
        parts = self._reader.push(self._decoder.flush()) + self._reader.flush()
        if not self._take(parts):
            self._release()
        return bool(self.stop)

    def take_parts(self) -> list[TextPart | CallPart]:
        parts, self._parts = self._parts, []
        return parts

    def _take(self, parts: list[Part]) -> bool:
        for part in parts:
            if isinstance(part, Said) and not part.is_reasoning:
                pushed = self._stops.push_text(part.text)
                self._say(pushed.text)
                if pushed.stopped is not None:
                    self.stop = pushed.stopped
                    return True
                continue
            self._release()
            match part:
                case Said():
                    self._parts.append(TextPart(part.text, True))
                case CallBegun():
                    self.num_calls += 1
                    index = self.num_calls - 1
                    self._parts.append(CallPart(index, "", self._id_of(index), part.name))
                case Arguments():
                    self._parts.append(CallPart(self.num_calls - 1, part.text))
                case CallEnded():
                    if self._is_single:
                        return True
        return False

    def _release(self) -> None:
        """A stop string does not go on behind a call or reasoning: what may have been its start is text."""
        self._say(self._stops.flush())

    def _say(self, text: str) -> None:
        if text:
            self._parts.append(TextPart(text, False))


def call_digest(seed: int, num_prompt_tokens: int, index: int) -> str:
    """Hexadecimal digits for a call's id: the same in a resumed answer, others in the next turn."""
    facts = struct.pack("<QQQ", seed & (1 << 64) - 1, num_prompt_tokens, index)
    return hashlib.blake2b(facts, digest_size=8, key=_KEY).hexdigest()
