"""Who wants a model, and what they are told until it is theirs; and the loads that they wait for together.

Must decide nothing: residency.py knows a ticket by its number alone. Used by tenancy.py.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from hobd.broker.feed import Feed
from hobd.broker.orders import Waiting
from hobd.broker.progress import Progress
from hobd.broker.resident import Resident
from hobd.broker.tasks import Work
from hobd.errors import HobError


class Arrival:
    """A load under way: those who wait for it, and how far it is."""

    def __init__(self) -> None:
        self.done: asyncio.Future[Resident] = asyncio.get_running_loop().create_future()
        # Nobody need be left waiting when it fails.
        self.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.work: Work | None = None
        self._listeners: set[Progress] = set()

    def progress(self, stage: str, fraction: float, num_ahead: int = 0, /) -> None:
        for listener in tuple(self._listeners):
            listener(stage, fraction)

    async def resident(self, progress: Progress) -> Resident:
        """Raises what the load fails with."""
        self._listeners.add(progress)
        try:
            return await asyncio.shield(self.done)
        finally:
            self._listeners.discard(progress)


class _Ticket:
    __slots__ = ("granted", "model", "num_ahead", "progress")

    def __init__(self, model: str, progress: Progress) -> None:
        self.model = model
        self.progress = progress
        self.granted: asyncio.Future[Arrival | None] = asyncio.get_running_loop().create_future()
        self.num_ahead: int | None = None  # as they were told


class Tickets:
    """All that are out."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._tickets: dict[int, _Ticket] = {}
        self._numbers = itertools.count(1)

    def issue(self, model: str, progress: Progress) -> int:
        number = next(self._numbers)
        self._tickets[number] = _Ticket(model, progress)
        return number

    def take_back(self, number: int) -> None:
        del self._tickets[number]

    def model(self, number: int) -> str:
        return self._tickets[number].model

    async def granted(self, number: int) -> Arrival | None:
        """The load under way that it is a part of; None if the model is here. Raises why it never will be."""
        return await self._tickets[number].granted

    def grant(self, number: int, arrival: Arrival | None) -> None:
        granted = self._tickets[number].granted
        if not granted.done():  # who goes in this very moment gives the ticket back
            granted.set_result(arrival)

    def refuse(self, number: int, error: HobError) -> None:
        granted = self._tickets[number].granted
        if not granted.done():
            granted.set_exception(error)

    def tell_places(self, row: Sequence[Waiting]) -> None:
        """Whoever waits for room hears when others are before them than they were told."""
        places = {waiting.model: place for place, waiting in enumerate(row)}
        for ticket in self._tickets.values() if places else ():
            place = places.get(ticket.model)
            if place is None or place == ticket.num_ahead or ticket.granted.done():
                continue
            if ticket.num_ahead is None:
                self._feed.tell("waiting_for_room", model=ticket.model)
            ticket.num_ahead = place
            ticket.progress("waiting_for_room", 0.0, place)
