"""The adapters of a model, as a load finds them and as requests name them.

Must never refuse the model for one of its adapters: what is wrong with one is told to who asks for it.
Called by loading.py and broker.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hobd.errors import InvalidRequest
from hobd.store.catalog import Entry
from hobd.wire import messages as m

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Open, its digest checked, or without a descriptor for the reason that `problem` says."""

    name: str
    fd: int | None = None
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Adapters:
    """All of one model, in the order in which its worker hears of them."""

    each: tuple[Adapter, ...] = ()

    @property
    def fds(self) -> list[int]:
        return [adapter.fd for adapter in self.each if adapter.fd is not None]

    @property
    def digests(self) -> dict[str, str]:
        return {adapter.name: adapter.sha256 for adapter in self.each}

    def for_worker(self) -> tuple[m.Adapter, ...]:
        return tuple(m.Adapter(adapter.name, adapter.problem) for adapter in self.each)

    def without(self, number: int, problem: str) -> Adapters:
        """The same, one of them found to be of no use."""
        spoilt = replace(self.each[number], fd=None, problem=problem)
        return Adapters((*self.each[:number], spoilt, *self.each[number + 1 :]))


def require_known(model: Entry, loras: Iterable[m.Lora]) -> None:
    """Raises InvalidRequest for the first that the model has not."""
    names = [adapter.name for adapter in model.adapters]
    for lora in loras:
        if lora.name in names:
            continue
        shown = "".join(letter if letter.isprintable() else "?" for letter in lora.name)
        if not names:
            raise InvalidRequest(
                f'{model.name} has no adapters, so no "{shown}"; '
                f"put GGUF files of adapters into {model.path.with_suffix('.adapters')}"
            )
        raise InvalidRequest(
            f'{model.name} has no adapter "{shown}"; name {_listed(names)}', suggestions=tuple(names[:3])
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    shown = [*names[:_MOST_NAMED], f"{more} more"] if more > 0 else names
    return " or ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
