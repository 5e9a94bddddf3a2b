"""Holds what the scheduler stowed away, under its keys, and lets it outlive the worker.

Must never tell what prefixes are: tokens go into the tray and nowhere else. Made and called by loop.py, from
the loop's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from hobd.wire import messages as m
from hobd.wire.states import MOST_STATES, is_domain_of
from hobd.worker.engine import Engine, Stowed
from hobd.worker.lanes import Discard, Fetch, Lanes, Prefix, Stow
from hobd.worker.sequence import Sequence
from hobd.worker.tray import Place, Tray

_MOST_DOMAIN_CHARACTERS = 1000  # as the wire has it

Told = m.Restore | m.ForgetPrefixes | m.SetStash


class Keeping:
    """States by key: in memory of their own, or where an earlier worker's lie in the tray."""

    def __init__(
        self, engine: Engine, lanes: Lanes, tray: Tray | None, send: Callable[[m.Message], None]
    ) -> None:
        self._engine = engine
        self._lanes = lanes
        self._tray = tray
        self._send = send
        self._states: dict[int, Stowed] = {}
        self._places: dict[int, Place] = {}  # of those that were restored

    def change(self, change: Stow | Fetch | Discard) -> int:
        """Carries one out. Returns how many bytes were stowed."""
        match change:
            case Stow():
                self._states[change.key] = stowed = self._engine.stow(change.lane)
                return stowed.nbytes
            case Fetch():
                self._engine.fetch(self._states[change.key], change.lane, change.count)
            case Discard():
                del self._states[change.key]
                if (place := self._places.pop(change.key, None)) is not None and self._tray is not None:
                    self._tray.free(place)
        return 0

    def heed(self, message: Told, under_way: Iterable[Sequence]) -> None:
        """What the broker says about prefixes; `under_way` are the sequences that may leave more."""
        if isinstance(message, m.Restore):
            self._restore(message)
            return
        if isinstance(message, m.SetStash):
            self._lanes.set_stash(message.is_open)
            return
        for sequence in under_way:
            if is_domain_of(sequence.domain, message.caller, message.domain):
                sequence.domain = ""
        self._forget(message)

    def hand_over(self, keep_ms: int) -> None:
        """Lays prefixes into the tray, those used last first, and tells of each when all of it is there."""
        if self._tray is None:
            return
        ends_at = time.monotonic() + keep_ms / 1000
        for prefix in self._lanes.prefixes()[:MOST_STATES]:
            if time.monotonic() >= ends_at:
                return
            if len(prefix.domain) > _MOST_DOMAIN_CHARACTERS:
                continue
            place = self._lay(prefix, self._tray)
            if place is None:
                return
            self._send(m.Kept(place.offset, place.num_bytes, len(prefix.tokens), prefix.domain))

    def _restore(self, message: m.Restore) -> None:
        """What lies there is an entry of the stash from now on, if there is one and it is not known."""
        assert self._tray is not None, "a Restore without a tray"
        place = Place(message.offset, message.num_bytes)
        tokens, state = self._tray.read(place)
        key = self._lanes.restore(message.domain, tokens, state.nbytes)
        if key is not None:
            self._states[key], self._places[key] = state, place
        else:
            self._tray.free(place)

    def _forget(self, message: m.ForgetPrefixes) -> None:
        """Drops what is kept; the memory is free after the next plan's changes."""
        num, num_bytes = self._lanes.forget(
            lambda domain: is_domain_of(domain, message.caller, message.domain)
        )
        self._send(m.Forgotten(message.id, num, num_bytes))

    def _lay(self, prefix: Prefix, tray: Tray) -> Place | None:
        """What lies there already stays; what is in a lane is stowed where it is to lie."""
        if prefix.key is not None:
            return self._places.get(prefix.key) or tray.lay(prefix.tokens, self._states[prefix.key])
        assert prefix.lane is not None
        reserved = tray.reserve(prefix.tokens, self._engine.stowed_bytes(prefix.lane))
        if reserved is None:
            return None
        place, memory = reserved
        self._engine.stow(prefix.lane, memory)
        return place
