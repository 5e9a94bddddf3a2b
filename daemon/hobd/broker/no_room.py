"""What is said to those who get no room in memory: which model, why, what to do.

Must only make errors. Called by residency.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hobd.errors import Busy, HobError, OutOfMemory

_RETRY_AFTER_MS = 2000


def too_big(model: str, needed: Mapping[str, int], budget: Mapping[str, int]) -> HobError:
    """It would not fit alone."""
    sums = [
        f"{_size(needed[device])} of {device}, and there are {_size(budget.get(device, 0))} for models"
        for device in needed
        if needed[device] > budget.get(device, 0)
    ]
    return OutOfMemory(
        f"{model} needs {'; '.join(sums)}; use a smaller model or a smaller engine.context_tokens",
        model=model,
    )


def pinned_out(model: str, pinned: Sequence[str]) -> HobError:
    """It would fit if what is pinned went."""
    names = ", ".join(pinned)
    return Busy(
        f"{model} does not fit into memory beside what is pinned ({names}); unpin one with `hob unpin`",
        model=model,
        retry_after_ms=_RETRY_AFTER_MS,
    )


def row_is_full(model: str, max_waiting: int) -> HobError:
    return Busy(
        f"{max_waiting} requests wait for room in memory already; ask {model} again shortly",
        model=model,
        retry_after_ms=_RETRY_AFTER_MS,
    )


def waited_too_long(model: str, seconds: float, users: Sequence[str]) -> HobError:
    """`users`: the models that were to make room, and were in use all the time."""
    names = ", ".join(users) or "others"
    return Busy(
        f"{model} found no room in memory within {seconds:g} s, since {names} stayed in use; "
        "ask again shortly, or stop one with `hob stop --force`",
        model=model,
        retry_after_ms=_RETRY_AFTER_MS,
    )


def _size(num_bytes: int) -> str:
    """In the unit that people think in; small numbers are those of tests and of tiny models."""
    if num_bytes >= 1 << 30:
        return f"{num_bytes / (1 << 30):.1f} GiB"
    return f"{num_bytes / (1 << 20):.1f} MiB"
