"""Which variant of the model the next step computes: what a request's adapters make of it.

Must stay pure. llama.cpp applies adapters to a whole context, so a step computes answers of one variant
alone and the others take turns. Used by scheduler.py; intake.py makes the names.

Turns are shares of steps: an interactive answer's variant gets twice the steps of a normal one's, and that
twice those of a batch answer's. Who has waited longest goes first, so nobody waits for more steps than the
others together may have. Variants that have nothing to compute at their turn save nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable

from hobd.wire.messages import Lora

#: Adapters by name, each with its scale: in order, without any that changes nothing.
Variant = tuple[tuple[str, float], ...]
#: The model as it is.
BASE: Variant = ()


def variant_of(loras: Iterable[Lora]) -> Variant:
    """The same for every way to ask for the same."""
    return tuple(sorted((lora.name, lora.scale) for lora in loras if lora.scale))


def domain_of(variant: Variant, domain: str) -> str:
    """Whose cached prefixes an answer may use: what one variant computed is of no use to another."""
    if not variant or not domain:
        return domain
    names = ",".join(f"{name}={scale!r}" for name, scale in variant)
    return f"\0{names}\0{domain}"  # no name has this letter, and no caller's domain begins with it


class Variants:
    """Counts who is here, by variant, and the steps that each variant had."""

    def __init__(self) -> None:
        self._num_here: dict[Variant, int] = {}
        self._had: dict[Variant, int] = {}  # the smaller, the sooner

    def enter(self, variant: Variant) -> None:
        """One more sequence of this variant."""
        if variant not in self._num_here:
            self._had[variant] = max(self._had.values(), default=0)
        self._num_here[variant] = self._num_here.get(variant, 0) + 1

    def leave(self, variant: Variant) -> None:
        self._num_here[variant] -= 1
        if not self._num_here[variant]:
            del self._num_here[variant], self._had[variant]

    def turns(self) -> list[Variant]:
        """All that are here, in the order in which they are to be tried."""
        if len(self._had) < 2:
            return list(self._had)
        return sorted(self._had, key=self._had.__getitem__)

    def note_step(self, variant: Variant, priority: int) -> None:
        """It was this one's turn; `priority` is the best that had a part in it, 0 going first."""
        if len(self._had) < 2:
            return
        now = self._had[variant]
        for other, had in self._had.items():
            if had < now:  # it was tried before, and could do nothing
                self._had[other] = now
        self._had[variant] = now + (1 << priority)
