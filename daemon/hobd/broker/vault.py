"""Keeps what workers computed when they go, sealed and in memory, for the next worker of the same model.

Must give no worker a byte that was not verified, believe none about sizes, and never fail anybody: what is
lost is computed again. Filled by resident.py when it stops, emptied by loading.py.

    worker ──lays──> tray ──seal──> pool ──unseal──> tray of the next one ──> its stash
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial

from hobd import log
from hobd.broker.account import RAM, Account, Line, Purpose
from hobd.broker.pool import Item, Pool
from hobd.broker.seal import Binding, Forged, Sealed, Sealer
from hobd.broker.tray import Tray
from hobd.wire import messages as m
from hobd.wire.framing import WireError
from hobd.wire.states import MOST_STATES

#: Unsealing goes on beside the loading of the model, for so long at most: the rest stays where it is.
UNSEAL_SECONDS = 1.0
_HUGEST_PAGE = 1 << 16  # of the machines we run on; a place of its own begins on one


class Vault:
    """The pool and its key. Of the broker's thread, but for sealing itself."""

    def __init__(self, limit_bytes: int) -> None:
        self.pool = Pool(limit_bytes if hasattr(os, "memfd_create") else 0)
        self.num_refused = 0
        self._sealer: Sealer | None = None  # made when there is something to seal
        self._states: dict[int, Sealed] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}  # and the model that each seals
        self._is_closed = False
        self._is_suspended = False

    def open(self, model: str, binding: Binding, stash_bytes: int, weight: int) -> Handover | None:
        """What the next worker of a model inherits, and its means to leave something; None if nothing may be.

        `weight` is what a token of the model costs, in bytes of weights.
        """
        if self._is_closed or not (self.pool.limit_bytes and stash_bytes and binding.model):
            return None
        keys = self.pool.of(model, stash_bytes, MOST_STATES)
        try:
            return Handover(self, model, binding, keys, weight)
        except OSError as error:
            log.event("no_tray", level="warning", model=model, why=error.strerror)
            return None

    async def settled(self, model: str | None = None) -> None:
        """Returns when all that was handed over so far is sealed, of one model or of all."""
        while tasks := [task for task, sealed in self._tasks.items() if model in (None, sealed)]:
            await asyncio.wait(tasks)

    def forget(self, is_theirs: Callable[[str], bool], model: str | None) -> tuple[int, int]:
        """Drops a caller's states, of one model or of all. Returns how many, and how many bytes."""
        keys, num_bytes = self.pool.forget(
            lambda item: is_theirs(item.domain) and model in (None, item.model)
        )
        for key in keys:
            self._states.pop(key, None)
        return len(keys), num_bytes

    def suspend(self) -> None:
        """Drops everything, and keeps nothing of models that leave until `resume`."""
        self._is_suspended = True
        self.forget(lambda domain: True, None)

    def resume(self) -> None:
        self._is_suspended = False

    def account(self) -> Account:
        """What the sealed states take."""
        if not self.pool.num_bytes:
            return ()
        return (Line(device=RAM, purpose=Purpose.PREFIX_CACHE, num_bytes=self.pool.num_bytes),)

    async def close(self) -> None:
        """Wipes the key and drops everything. Nothing is kept from now on."""
        self._is_closed = True
        await self.settled()
        self.pool.forget(lambda item: True)
        self._states.clear()
        if self._sealer is not None:
            self._sealer.wipe()

    # ------------------------------------------------------------------ for Handover

    @property
    def takes_more(self) -> bool:
        return not (self._is_closed or self._is_suspended)

    @property
    def sealer(self) -> Sealer:
        if self._sealer is None:
            self._sealer = Sealer()
            log.event("sealing", key_is_locked=self._sealer.is_key_locked)
        return self._sealer

    def state(self, key: int) -> Sealed:
        return self._states[key]

    def make_room(self, key: int, item: Item) -> bool:
        """Books a state that is about to be sealed, so that others go before it takes memory."""
        for gone in self.pool.add(key, item):
            self._states.pop(gone, None)
        return key in self.pool

    def add(self, sealed: Sealed) -> None:
        """There is room for it, unless it was wished forgotten meanwhile."""
        if sealed.number in self.pool:
            self._states[sealed.number] = sealed

    def drop(self, key: int) -> None:
        if key in self.pool:
            self.pool.remove(key)
        self._states.pop(key, None)

    def refuse(self, key: int, model: str) -> None:
        """It is not what was sealed, or not for this worker."""
        self.num_refused += 1
        self.drop(key)
        log.event("state_refused", level="warning", model=model)

    def run(self, sealing: Coroutine[None, None, None], model: str) -> None:
        task = asyncio.create_task(sealing, name=f"seal {model}")
        self._tasks[task] = model
        task.add_done_callback(self._tasks.pop)


class Handover:
    """One worker's inheritance, and what it leaves. `close` it when the worker is gone."""

    def __init__(self, vault: Vault, model: str, binding: Binding, keys: list[int], weight: int) -> None:
        self._vault = vault
        self._model = model
        self._binding = binding
        self._weight = weight
        self._places: dict[int, int] = {}  # offsets in the tray, by key
        end = 0
        for key in keys:
            self._places[key] = end
            end = _next_page(end + vault.state(key).num_bytes)
        self.tray_begin = end
        self.tray = Tray(end + _next_page(vault.pool.limit_bytes))
        self._kept: list[m.Kept] = []
        self._kept_bytes = 0
        self._refused: list[Callable[[str], bool]] = []

    # ------------------------------------------------------------------ what it inherits

    async def unseal(self) -> list[int]:
        """Writes the model's states into the tray, as long as there is time. Returns keys; forged ones go."""
        states = {
            key: (self._vault.state(key), self._vault.pool[key].domain, offset)
            for key, offset in self._places.items()
        }
        if not states:
            return []
        good, forged = await asyncio.to_thread(self._unseal, states, time.monotonic() + UNSEAL_SECONDS)
        for key in forged:
            self._vault.refuse(key, self._model)
        return good

    def restored(self, keys: list[int]) -> list[m.Restore]:
        """What to tell the worker: the last used last. It holds the states now, the pool no more."""
        told = []
        for key in reversed(keys):
            if key in self._vault.pool:  # unless somebody wished it forgotten meanwhile
                item, sealed = self._vault.pool[key], self._vault.state(key)
                told.append(m.Restore(self._places[key], sealed.num_bytes, item.domain))
                self._vault.drop(key)
        return told

    def _unseal(
        self, states: dict[int, tuple[Sealed, str, int]], ends_at: float
    ) -> tuple[list[int], list[int]]:
        good: list[int] = []
        forged: list[int] = []
        for key, (sealed, domain, begin) in states.items():
            if time.monotonic() > ends_at:
                break
            bound = self._binding.to_bytes(domain, sealed.num_bytes)
            try:
                self._vault.sealer.unseal(sealed, bound, partial(self._write, begin))
                good.append(key)
            except Forged:
                self.tray.free(begin, sealed.num_bytes)
                forged.append(key)
            except OSError:  # no memory: it stays where it is
                self.tray.free(begin, sealed.num_bytes)
        return good, forged

    def _write(self, begin: int, offset: int, data: memoryview) -> None:
        self.tray.write(begin + offset, data)

    def _read(self, begin: int, offset: int, into: memoryview) -> None:
        self.tray.read(begin + offset, into)

    # ------------------------------------------------------------------ what it leaves

    @property
    def keep_ms(self) -> int:
        """How long the worker may take: a copy of so much takes a fraction of it."""
        if not self._vault.takes_more:
            return 0
        return min(1000, 100 + self._vault.pool.limit_bytes // 1_000_000)

    def note(self, kept: m.Kept) -> None:
        """One state lies in the tray, as the worker says. Raises WireError if that cannot be."""
        self._kept_bytes += kept.num_bytes
        if kept.offset + kept.num_bytes > self.tray.num_bytes:
            raise WireError("a Kept outside the tray")
        if len(self._kept) >= MOST_STATES or self._kept_bytes > self.tray.num_bytes:
            raise WireError("more was kept than the tray holds")
        self._kept.append(kept)

    def refuse(self, is_theirs: Callable[[str], bool]) -> None:
        """What comes of these domains is to be dropped."""
        self._refused.append(is_theirs)

    def end(self, *, is_sound: bool) -> None:
        """The worker is gone. Begins to seal what it left, unless it is not to be believed."""
        kept, self._kept = self._kept, []
        if is_sound and kept and self._vault.takes_more:
            self._vault.run(self._take(kept), self._model)
        else:
            self.close()

    async def _take(self, kept: list[m.Kept]) -> None:
        sealer = self._vault.sealer
        try:
            for state in reversed(kept):  # the last used comes last, and goes last
                number = sealer.next_number()
                if any(theirs(state.domain) for theirs in self._refused) or not self._vault.takes_more:
                    continue
                if self._vault.make_room(number, self._item(state)):
                    self._vault.add(await asyncio.to_thread(self._seal, sealer, number, state))
        except (OSError, MemoryError) as error:
            self._vault.drop(number)
            log.event("not_kept", level="warning", model=self._model, error=type(error).__name__)
        finally:
            self.close()

    def _seal(self, sealer: Sealer, number: int, state: m.Kept) -> Sealed:
        bound = self._binding.to_bytes(state.domain, state.num_bytes)
        sealed = sealer.seal(number, bound, state.num_bytes, partial(self._read, state.offset))
        self.tray.free(state.offset, state.num_bytes)
        return sealed

    def _item(self, state: m.Kept) -> Item:
        cost = float(state.num_tokens) * self._weight
        return Item(model=self._model, domain=state.domain, num_bytes=state.num_bytes, cost=cost)

    def close(self) -> None:
        with suppress(OSError):
            self.tray.close()


def _next_page(offset: int) -> int:
    return -(-offset // _HUGEST_PAGE) * _HUGEST_PAGE
