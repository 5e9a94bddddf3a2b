"""What the daemon is doing for whom, as protobuf; models and answers are render.py's.

Must only convert: no decision, no waiting. Called by api/control.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hob.v1 import daemon_pb2, inference_pb2

from hobd.api.render_ledger import timestamp
from hobd.broker.session import Session
from hobd.broker.trips import Trip
from hobd.broker.yielding import Yielding
from hobd.pressure.ladder import Rung

_CLASSES = {
    0: inference_pb2.PRIORITY_CLASS_INTERACTIVE,
    1: inference_pb2.PRIORITY_CLASS_NORMAL,
    2: inference_pb2.PRIORITY_CLASS_BATCH,
}
_YIELDS = {
    Rung.CALM: daemon_pb2.MEMORY_YIELD_NOTHING,
    Rung.CACHES: daemon_pb2.MEMORY_YIELD_CACHES,
    Rung.IDLE_MODELS: daemon_pb2.MEMORY_YIELD_IDLE_MODELS,
    Rung.NEW_WORK: daemon_pb2.MEMORY_YIELD_NEW_WORK,
}


def classes(sessions: Iterable[Session]) -> list[daemon_pb2.ClassLoad]:
    """Those that have requests under way, the first to be served first."""
    counts = Counter((session.request.priority, session.has_begun) for session in sessions)
    return [
        daemon_pb2.ClassLoad(
            priority_class=_CLASSES[priority],
            num_running=counts[priority, True],
            num_waiting=counts[priority, False],
        )
        for priority in sorted({priority for priority, _ in counts})
    ]


def trip(trip: Trip) -> daemon_pb2.Trip:
    return daemon_pb2.Trip(
        model=trip.model,
        sha256=trip.sha256,
        call=trip.call,
        count=trip.count,
        last_at=timestamp(trip.last_at),
    )


def memory_pressure(yielding: Yielding) -> daemon_pb2.MemoryPressure:
    return daemon_pb2.MemoryPressure(
        yields=_YIELDS[yielding.rung], source=yielding.source, num_alarms=yielding.num_alarms
    )
