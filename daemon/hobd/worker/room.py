"""How many tokens a request may have: its prompt, and its answer.

Must stay pure. Refuses with numbers, never with text of a prompt. Used by intake.py and preparing.py.
"""

from __future__ import annotations

from hobd.wire import messages as m
from hobd.worker.refusal import Refusal

# Room for an answer that truncation leaves when the request does not say how much it wants.
_ROOM_FOR_ANSWER = 256


def context(context_tokens: int, limits: m.Limits) -> int:
    """Tokens that prompt and answer may have together: as the model has room, or the door grants."""
    return min(context_tokens, limits.max_context_tokens or context_tokens)


def available(context_tokens: int, limits: m.Limits) -> int:
    """Tokens a prompt may have: one place of the context is the answer's first token."""
    return context(context_tokens, limits) - 1


def target(context_tokens: int, limits: m.Limits) -> int:
    """How long a truncated prompt may be, so that the answer has room too."""
    whole = context(context_tokens, limits)
    return max(1, whole - min(limits.max_tokens or _ROOM_FOR_ANSWER, whole // 2))


def most_tokens(context_tokens: int, limits: m.Limits, num_prompt_tokens: int) -> int | None:
    """Of the answer. The model's own context ends it by itself, a door's does not."""
    if limits.max_context_tokens is None:
        return limits.max_tokens
    room = max(1, context(context_tokens, limits) - num_prompt_tokens)
    return min(room, limits.max_tokens or room)


def too_long(context_tokens: int, limits: m.Limits, needed: int, *, at_least: bool = False) -> Refusal:
    """For a prompt of so many tokens, or of at least as many."""
    room = available(context_tokens, limits)
    whose = "the model's context" if limits.max_context_tokens is None else "a context at this door"
    return Refusal(
        "PromptTooLong",
        f"the prompt has {'at least ' if at_least else ''}{needed} tokens and {whose} has room for {room}; "
        "shorten it, or name a truncation strategy",
        needed=needed,
        available=room,
    )


def check_item(limits: m.Limits, needed: int) -> None:
    """A text that is to become a vector has no answer. Raises Refusal."""
    if limits.max_context_tokens is not None and needed > limits.max_context_tokens:
        raise Refusal(
            "PromptTooLong",
            f"a text has {needed} tokens and a context at this door has room for "
            f"{limits.max_context_tokens}; shorten it",
            needed=needed,
            available=limits.max_context_tokens,
        )
