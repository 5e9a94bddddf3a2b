"""What a worker's Delta tells, as events; and events that wait, joined to travel as one.

Must stay pure, and must not look into texts: they are the model's. Called by session.py.
"""

from __future__ import annotations

from collections import deque

from hobd.broker.request import Event, TokenDelta, ToolCallDelta
from hobd.wire import messages as m


def told_parts(delta: m.Delta) -> list[Event]:
    """One event for each part. The first one stands for all tokens, so that they are counted once."""
    count, logprobs = delta.num_tokens, delta.logprobs
    events: list[Event] = []
    for part in delta.parts or [m.TextPart("", False)]:
        if isinstance(part, m.TextPart):
            events.append(TokenDelta(part.text, count, logprobs, part.is_reasoning))
        else:
            events.append(ToolCallDelta(part.index, part.id, part.name, part.arguments, count, logprobs))
        count, logprobs = 0, []
    return events


def joined(event: Event, waiting: deque[Event]) -> Event:
    """An event with all that wait behind it and go on with the same text or call: those leave the queue."""
    match event:
        case TokenDelta():
            return _joined_text(event, waiting)
        case ToolCallDelta():
            return _joined_call(event, waiting)
    return event


def _joined_text(first: TokenDelta, waiting: deque[Event]) -> TokenDelta:
    texts, count, logprobs = [first.text], first.num_tokens, list(first.logprobs)
    while waiting and isinstance(following := waiting[0], TokenDelta):
        if following.is_reasoning != first.is_reasoning:
            break
        texts.append(following.text)
        count += following.num_tokens
        logprobs += following.logprobs
        waiting.popleft()
    return TokenDelta("".join(texts), count, logprobs, first.is_reasoning)


def _joined_call(first: ToolCallDelta, waiting: deque[Event]) -> ToolCallDelta:
    texts, count, logprobs = [first.arguments], first.num_tokens, list(first.logprobs)
    while waiting and isinstance(following := waiting[0], ToolCallDelta):
        if following.index != first.index or following.id:
            break
        texts.append(following.arguments)
        count += following.num_tokens
        logprobs += following.logprobs
        waiting.popleft()
    return ToolCallDelta(first.index, first.id, first.name, "".join(texts), count, logprobs)
