"""Conversations that `previous_response_id` may name: in memory only, bounded, each for its token alone.

Must do no I/O and read no clock, and drop the oldest when it is full. Called by openai_responses.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from hob_client.errors import InvalidRequest
from hob_client.requests import Message

MAX_CONVERSATIONS = 256
MAX_BYTES = 32 << 20
KEPT_SECONDS = 3600.0


class Remembered:
    def __init__(self, *, max_conversations: int = MAX_CONVERSATIONS, max_bytes: int = MAX_BYTES) -> None:
        self._max_conversations = max_conversations
        self._max_bytes = max_bytes
        self._turns: OrderedDict[tuple[str, str], tuple[tuple[Message, ...], int, float]] = OrderedDict()
        self._num_bytes = 0

    @property
    def num_bytes(self) -> int:
        return self._num_bytes

    def keep(self, token: str, name: str, turns: Sequence[Message], now: float) -> None:
        size = sum(map(_size, turns))
        self._turns[token, name] = (tuple(turns), size, now)
        self._num_bytes += size
        while self._turns and (
            self._num_bytes > self._max_bytes
            or len(self._turns) > self._max_conversations
            or next(iter(self._turns.values()))[2] < now - KEPT_SECONDS
        ):
            _, (_, freed, _) = self._turns.popitem(last=False)
            self._num_bytes -= freed

    def recall(self, token: str, name: str, now: float) -> list[Message]:
        """The turns up to that response; InvalidRequest if this token has no such one (any more)."""
        kept = self._turns.get((token, name))
        if kept is None or kept[2] < now - KEPT_SECONDS:
            raise InvalidRequest(
                "previous_response_id is not known here (any more); send the whole conversation as input"
            )
        return list(kept[0])

    def forget(self, token: str, name: str) -> bool:
        kept = self._turns.pop((token, name), None)
        if kept is not None:
            self._num_bytes -= kept[1]
        return kept is not None


def _size(turn: Message) -> int:
    content = turn["content"]
    parts = [content] if isinstance(content, str) else content
    size = sum(4 * len(part) if isinstance(part, str) else len(part.data) for part in parts)
    return 500 + size + 4 * len(str(turn.get("tool_calls", "")))
