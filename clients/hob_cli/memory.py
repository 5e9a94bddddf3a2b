"""Memory in lines: a table with bars, what a plan would do, what a machine has.

Must only show what the daemon says. Used by commands/models.py, load.py and ps.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hob_cli.render import print_table, size

if TYPE_CHECKING:
    from hob_client.models import MemoryLine, Plan

_WIDTH = 24
_WORDS = {
    "kv_cache": "KV cache",
    "prefix_cache": "prefixes kept",
    "overhead": "worker",
}


def print_memory(lines: Sequence[MemoryLine], *, measured: bool) -> None:
    """What there is for what, and at the end the sum. `measured`: beside what was reserved."""
    longest = max((max(line.reserved_bytes, line.measured_bytes) for line in lines), default=1) or 1
    rows = [_row(line, longest, measured=measured) for line in lines]
    rows += [_sum_row(device, lines, measured=measured) for device in dict.fromkeys(x.device for x in lines)]
    header = ("DEVICE", "FOR", "ESTIMATED", *(("MEASURED",) if measured else ()), "")
    print_table(header, rows)


def plan_lines(model: str, plan: Plan) -> Iterable[str]:
    """Whether it fits, and what would happen for it, a sentence each."""
    if plan.problem:
        yield plan.problem
        return
    if plan.fits_now:
        yield f"{model} fits now, with contexts of {plan.context_tokens} tokens"
    elif plan.evicts:
        yield f"{model} fits once these are gone, which idle and would leave for it: {', '.join(plan.evicts)}"
    else:
        yield f"{model} does not fit beside what is in memory now, and none of that would leave for it"
    if plan.steps:
        yield f"it would get less than is configured: {'; '.join(plan.steps)}"


def print_devices(plan: Plan) -> None:
    rows = [
        (
            f"{device.name} {device.label}".strip(),
            size(device.total_bytes),
            size(device.free_bytes),
            size(device.budget_bytes),
            size(device.reserved_bytes),
        )
        for device in plan.devices
    ]
    print_table(("DEVICE", "TOTAL", "FREE", "FOR MODELS", "RESERVED"), rows)


def _row(line: MemoryLine, longest: int, *, measured: bool) -> tuple[str, ...]:
    purpose = _WORDS.get(line.purpose, line.purpose)
    told = (_or_dash(line.measured_bytes),) if measured else ()
    filled = line.measured_bytes if measured else line.reserved_bytes
    return (
        line.device,
        purpose,
        _or_dash(line.reserved_bytes),
        *told,
        _bar(filled, line.reserved_bytes, longest),
    )


def _sum_row(device: str, lines: Iterable[MemoryLine], *, measured: bool) -> tuple[str, ...]:
    own = [line for line in lines if line.device == device]
    told = (size(sum(line.measured_bytes for line in own)),) if measured else ()
    return (device, "all", size(sum(line.reserved_bytes for line in own)), *told, "")


def _bar(filled: int, whole: int, longest: int) -> str:
    """As much as is filled, and pale what is reserved beyond it."""
    full, pale = ("█", "░") if (sys.stdout.encoding or "").lower().startswith("utf") else ("#", ".")
    long, whole_long = (round(_WIDTH * number / longest) for number in (filled, max(filled, whole)))
    return full * long + pale * (whole_long - long)


def _or_dash(num_bytes: int) -> str:
    return size(num_bytes) if num_bytes else "-"
