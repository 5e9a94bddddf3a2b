"""Memory, its ledger and what happened to it as protobuf, and the times that belong to them.

Must only convert. Called by render.py and control.py.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from hob.v1 import daemon_pb2

from hobd.broker.feed import News
from hobd.broker.ledger import Balance
from hobd.broker.orders import Waiting


def timestamp(seconds: float | None) -> Timestamp | None:
    """A time of the wall's clock."""
    if seconds is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromtimestamp(seconds, UTC))
    return stamp


def moment(steady: float | None) -> Timestamp | None:
    """A time of the steady clock, as the wall's clock has it now: deadlines do not move with the date."""
    return None if steady is None else timestamp(time.time() + steady - time.monotonic())


def memory(balance: Balance) -> daemon_pb2.Memory:
    return daemon_pb2.Memory(
        device=balance.device,
        budget_bytes=balance.budget_bytes,
        reserved_bytes=balance.reserved_bytes,
        measured_bytes=balance.measured_bytes,
        free_bytes=balance.free_bytes,
    )


def waiting(row: Waiting) -> daemon_pb2.Waiting:
    return daemon_pb2.Waiting(model=row.model, num_requests=row.num_waiting, since=moment(row.since))


def happening(news: News) -> daemon_pb2.WatchEventsResponse:
    return daemon_pb2.WatchEventsResponse(
        at=timestamp(news.at),
        kind=news.kind,
        model=news.model,
        request_id=news.request_id,
        message=news.message,
        reason=news.reason,
        beneficiary=news.beneficiary,
        num_bytes=news.num_bytes,
        client_request_id=news.client_request_id,
    )
