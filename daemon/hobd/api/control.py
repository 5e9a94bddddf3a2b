"""DaemonService: what the daemon says about itself.

Must hold no state and no decision. Called by api/host.py for each call on a door.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from hob.v1 import daemon_pb2 as pb
from hob.v1.daemon_grpc import DaemonServiceBase

from hobd.api import render, render_ledger, render_status
from hobd.api.host import Call, rpc
from hobd.broker.broker import Broker
from hobd.errors import NotSupported


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What stays the same as long as the daemon runs."""

    version: str
    started_at: float
    door_path: str
    door_mode: int
    confinement: str
    config_path: str


class DaemonService(DaemonServiceBase):
    def __init__(
        self,
        broker: Broker,
        identity: Identity,
        *,
        num_connections: Callable[[], int],
        end: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._identity = identity
        self._num_connections = num_connections
        self._end = end

    @rpc
    async def GetStatus(self, call: Call[pb.GetStatusRequest, pb.GetStatusResponse]) -> None:
        broker, identity = self._broker, self._identity
        door = pb.Door(
            name="owner",
            path=identity.door_path,
            mode=identity.door_mode,
            owner_uid=os.getuid(),
            num_connections=self._num_connections(),
        )
        await call.send(
            pb.GetStatusResponse(
                version=identity.version,
                pid=os.getpid(),
                started_at=render_ledger.timestamp(identity.started_at),
                doors=[door],
                residents=[render.resident(resident, broker) for resident in broker.tenancy.residents],
                daemon_resident_bytes=_own_bytes(),
                confinement=identity.confinement,
                draining=broker.is_draining,
                config_path=identity.config_path,
                num_requests_served=broker.num_requests_served,
                num_sessions=broker.num_sessions,
                models_dir=str(broker.catalog.directory),
                memory=map(render_ledger.memory, broker.tenancy.residency.ledger.balances()),
                waiting=map(render_ledger.waiting, broker.tenancy.residency.waiting),
                loading_models=broker.tenancy.loading_models,
                engine_build=next((r.engine_build for r in broker.tenancy.residents), ""),
                classes=render_status.classes(broker.sessions),
                pool=render.pool(broker),
                pool_limit_bytes=broker.loading.vault.pool.limit_bytes,
                memory_pressure=render_status.memory_pressure(broker.yielding),
                spare_worker_pid=broker.loading.spare.pid,
                trips=map(render_status.trip, broker.loading.trips.each()),
                tripwire=broker.loading.trips.policy if broker.loading.trips.hears else "",
                num_trips=broker.loading.trips.num_total,
            )
        )

    @rpc
    async def WatchEvents(self, call: Call[pb.WatchEventsRequest, pb.WatchEventsResponse]) -> None:
        async with aclosing(self._broker.feed.watch()) as feed:
            async for news in feed:
                await call.send(render_ledger.happening(news))

    @rpc
    async def Attest(self, call: Call[pb.AttestRequest, pb.AttestResponse]) -> None:
        raise NotSupported(
            "Attest is not supported by this version of hob; `hob status` shows the confinement"
        )

    @rpc
    async def Drain(self, call: Call[pb.DrainRequest, pb.DrainResponse]) -> None:
        request = call.request
        seconds: float = self._broker.config.daemon.drain_timeout_seconds
        if request.HasField("deadline_ms"):
            seconds = request.deadline_ms / 1000
        num_finished, num_ended = await self._broker.drain(seconds)
        await call.send(pb.DrainResponse(num_finished=num_finished, num_ended=num_ended))
        self._end()


def _own_bytes() -> int:
    """The broker's own resident memory, from the kernel."""
    import psutil

    return int(psutil.Process().memory_info().rss)
