"""How one worker behaves, as the kernel says: what it tried that it may not, and whether it must end for it.

Must never ask the worker. Made by resident.py, whose worker it is; trips.py says what follows from a trip.
"""

from __future__ import annotations

from typing import Self

from hobd import errors
from hobd.broker.exit_status import BY_THE_FILTER
from hobd.broker.link import Link
from hobd.broker.supervisor import WorkerProcess
from hobd.broker.trips import Tally, Trips
from hobd.broker.tripwire import Tripwire
from hobd.wire.framing import WireError
from hobd.wire.messages import Phase


class Conduct:
    """From the worker's first word until `end`."""

    def __init__(
        self,
        model: str,
        sha256: str,
        process: WorkerProcess,
        trips: Trips,
        link: Link,
    ) -> None:
        self.projector_fd: int | None = None  # what it is given while it says on its link that it loads it
        self.tripped = Tally()
        self.condemnation = ""  # why it was killed for what it tried, as half a sentence
        self._link = link
        self._model = model
        self._sha256 = sha256
        self._process = process
        self._trips = trips
        self._tripwire: Tripwire | None = None  # without walls there is nothing to trip over
        if process.bell is not None:
            self._tripwire = Tripwire(
                process.bell, on_trip=self._on_trip, on_breach=link.breach, projector=self._projector
            )

    def require_enclosed(self) -> None:
        """Raises WireError if it would serve though nobody hears what it tries."""
        if self._tripwire is not None and not self._tripwire.is_armed:
            raise WireError("a Ready of a worker that is not enclosed")

    def require_good(self) -> None:
        """Raises ModelUnusable if it was killed for what it tried."""
        if self.condemnation:
            raise errors.ModelUnusable(
                f"{self._model} cannot be used: {self.condemnation}", model=self._model
            )

    def end(self, status: int) -> Self:
        """The worker is gone; `status` as subprocess gives it."""
        if self._tripwire is not None:
            self._tripwire.close()
            if status in BY_THE_FILTER:
                self._on_trip("a foreign calling convention")
        return self

    def _projector(self) -> int | None:
        return self.projector_fd if self._link.phase is Phase.PROJECTING else None

    def _on_trip(self, call: str) -> None:
        if self.condemnation or self._process.is_attesting:  # it walks into its walls because it was told to
            return
        self.tripped.add(call)
        self.condemnation = self._trips.on_trip(self._model, self._sha256, call)
        if self.condemnation:
            self._process.kill()
