"""Turns one sequence's token bytes into text that is certain: whole characters, and no part of a stop string.

Must stay pure, and cheap: it runs once per token. Never emits a stop string or what follows it.
Called by worker/loop.py.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

_Utf8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class TextPush:
    """`text` may be sent now. `stopped` names the stop string that has come, if one has."""

    text: str
    stopped: str | None = None


_NOTHING = TextPush("")


class TextStream:
    """The text of one answer, piece by piece.

        ... already emitted | held: may begin a stop string | bytes of an unfinished character
                              `_held`                         in `_decoder`

    Of several stop strings the one that is complete first wins, and the longest of those that end
    together: the answer is then the same however the tokens cut the text, and a stop never has to wait
    for another token to see whether a longer one is coming. Bytes that are no UTF-8 become U+FFFD.
    """

    __slots__ = ("_decoder", "_held", "_longest", "_mid_character", "_starts", "_stop", "_stopped")

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._stop = tuple(s for s in stop if s)  # the empty string would stop every answer at once
        self._starts = frozenset(s[0] for s in self._stop)
        self._longest = max(map(len, self._stop), default=0)
        self._decoder = _Utf8("replace")
        self._mid_character = False
        self._held = ""
        self._stopped: TextPush | None = None

    def push(self, piece: bytes) -> TextPush:
        """The text that one more token makes certain. After a stop: nothing more, and the same `stopped`."""
        if self._stopped is not None:
            return self._stopped
        return self.push_text(self._decode(piece))

    def push_text(self, text: str) -> TextPush:
        """The same for text that was decoded elsewhere."""
        if self._stopped is not None:
            return self._stopped
        if not text:
            return _NOTHING
        if not self._stop:
            return TextPush(text)
        return self._withhold(self._held + text)

    def flush(self) -> str:
        """The rest, at the end of the answer: what was held back and did not become a stop string."""
        if self._stopped is not None:
            return ""
        rest = self._held + self._decoder.decode(b"", True)
        self._held = ""
        self._mid_character = False
        return rest

    def _decode(self, piece: bytes) -> str:
        if not self._mid_character and piece.isascii():
            return piece.decode("ascii")
        text = self._decoder.decode(piece)
        self._mid_character = bool(self._decoder.getstate()[0])
        return text

    def _withhold(self, text: str) -> TextPush:
        found = [(at + len(s), -len(s), s) for s in self._stop if (at := text.find(s)) >= 0]
        if found:
            end, _, stop = min(found)
            self._held = ""
            self._stopped = TextPush("", stop)
            return TextPush(text[: end - len(stop)], stop)
        keep = self._first_possible_stop(text)
        self._held = text[keep:]
        return TextPush(text[:keep]) if keep else _NOTHING

    def _first_possible_stop(self, text: str) -> int:
        """Where the longest tail begins that a stop string begins with; the text's length if none does."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] in self._starts and any(s.startswith(text[at:]) for s in self._stop):
                return at
        return len(text)
