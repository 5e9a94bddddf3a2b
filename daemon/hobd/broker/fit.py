"""Makes a model fit into the memory there is: what to take less of, in which order, and in which words.

Must stay pure, and never shrink in silence: every difference from what was asked for is a sentence. Used by
appraisal.py, and by whoever loads.

What changes no answer goes first, what changes answers least goes next:

    prefixes kept beside the cache ─> KV cells as q8_0 ─> half as many cells, and again ─> shorter contexts
    └─ and for each of these: as many layers on GPUs as fit there
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hobd.broker.account import Account, totals
from hobd.broker.dimensions import Dimensions, dimensions
from hobd.broker.estimate import ALONE, Beside, Settings, cells, context_tokens, estimate
from hobd.store.header import Header

#: Nobody is served by less.
LEAST_CONTEXT = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a model can be loaded. With a `problem` it cannot; the rest then says what was asked for."""

    settings: Settings
    account: Account
    steps: tuple[str, ...] = ()  # what there is less of than was asked for, in words
    problem: str = ""
    lacks: Mapping[str, int] = field(default_factory=dict)  # bytes by device, if there is a problem

    @property
    def shrunk(self) -> str:
        return "; ".join(self.steps)


def plan(
    model: str,
    header: Header,
    settings: Settings,
    room: Mapping[str, int],
    *,
    beside: Beside = ALONE,
    may_shrink: bool = True,
) -> Plan:
    """The most of what was asked for that fits into `room`, bytes by device."""
    asked = estimate(header, settings, beside)
    tries = _smaller(dimensions(header), settings) if may_shrink else iter(())
    smallest = asked
    for attempt in (settings, *tries):
        for candidate in _on_gpus(header, attempt, room, beside) if may_shrink else [attempt]:
            smallest = estimate(header, candidate, beside)
            if not lacking(smallest, room):
                steps = tuple(_differences(dimensions(header), settings, candidate))
                return Plan(settings=candidate, account=smallest, steps=steps)
    lacks = lacking(smallest, room)
    return Plan(
        settings=settings,
        account=asked,
        problem=_problem(model, totals(smallest), room, lacks, may_shrink=may_shrink),
        lacks=lacks,
    )


def lacking(account: Account, room: Mapping[str, int]) -> dict[str, int]:
    """Bytes that an account needs beyond the room, by device."""
    needed = totals(account)
    return {
        name: needed[name] - room.get(name, 0) for name in sorted(needed) if needed[name] > room.get(name, 0)
    }


def leaving(
    account: Account, free: Mapping[str, int], idle: Sequence[tuple[str, Account]]
) -> tuple[str, ...]:
    """Which of the idle, the longest idle first, would make room; empty also if all of them would not."""
    room, left = dict(free), []
    for model, held in idle:
        if not lacking(account, room):
            break
        left.append(model)
        for device, num_bytes in totals(held).items():
            room[device] = room.get(device, 0) + num_bytes
    return tuple(left) if not lacking(account, room) else ()


# ------------------------------------------------------------------ less


def _smaller(sizes: Dimensions, settings: Settings) -> Iterator[Settings]:
    """What was asked for, with ever less of it."""
    if settings.stash_bytes:
        settings = replace(settings, stash_bytes=0)
        yield settings
    if settings.kv_type == "f16" and any(layer.key_width for layer in sizes.layers):
        settings = replace(settings, kv_type="q8_0")
        yield settings
    if not sizes.has_memory:
        return
    context, held = context_tokens(sizes, settings), cells(sizes, settings)
    while held > context:
        held = max(held // 2, context)
        yield (settings := replace(settings, kv_cells=held))
    while context > LEAST_CONTEXT:
        context = max(context // 2, LEAST_CONTEXT)
        yield (settings := replace(settings, kv_cells=0, context_tokens=context))


def _on_gpus(header: Header, settings: Settings, room: Mapping[str, int], beside: Beside) -> list[Settings]:
    """The same with as many layers on GPUs as fit there; what does not is main memory's to hold."""
    if not settings.gpus:
        return [settings]
    most = len(dimensions(header).layers) + 1
    low, high = 0, min(most if settings.gpu_layers is None else settings.gpu_layers, most)
    names = {gpu.name for gpu in settings.gpus}
    while low < high:
        middle = (low + high + 1) // 2
        account = estimate(header, replace(settings, gpu_layers=middle), beside)
        if names & lacking(account, room).keys():
            high = middle - 1
        else:
            low = middle
    return [replace(settings, gpu_layers=low)]


# ------------------------------------------------------------------ words


def _differences(sizes: Dimensions, asked: Settings, got: Settings) -> Iterator[str]:
    most = len(sizes.layers) + 1
    if got.gpus and got.gpu_layers is not None:
        before = min(most if asked.gpu_layers is None else asked.gpu_layers, most)
        if got.gpu_layers < before:
            yield f"layers on GPUs {before} -> {got.gpu_layers}"
    if got.stash_bytes < asked.stash_bytes:
        yield "no prefixes kept beside the KV cache"
    if got.kv_type != asked.kv_type:
        yield f"KV cache as {got.kv_type}"
    before, after = context_tokens(sizes, asked), context_tokens(sizes, got)
    if after < before:
        yield f"context {before} -> {after} tokens"
    elif cells(sizes, got) < cells(sizes, asked):
        yield f"KV cells {cells(sizes, asked)} -> {cells(sizes, got)}"


def _problem(
    model: str,
    needed: Mapping[str, int],
    room: Mapping[str, int],
    lacks: Mapping[str, int],
    *,
    may_shrink: bool,
) -> str:
    device = next(iter(lacks))
    least = "at least " if may_shrink else ""
    cure = "" if may_shrink else ', or set memory.when_short to "shrink"'
    key = "memory.ram_mb" if device == "ram" else "memory.gpu_mb"
    return (
        f"{model} needs {least}{_mb(needed[device])} of {device}, and models may have "
        f"{_mb(room.get(device, 0))}; choose a smaller model or context, raise {key}{cure}"
    )


def _mb(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.0f} MB"
