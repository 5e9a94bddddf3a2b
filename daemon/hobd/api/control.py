"""DaemonService: what the daemon says about itself.

Must hold no state and no decision. Called by api/host.py for each call on a door.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from hob.v1 import daemon_pb2 as pb
from hob.v1.daemon_grpc import DaemonServiceBase
from msgspec import structs

from hobd.api import discretion, render, render_attest, render_ledger, render_status
from hobd.api.doors import Listing
from hobd.api.gate import Gate
from hobd.api.host import Call, rpc
from hobd.broker.attesting import Attestor
from hobd.broker.broker import Broker
from hobd.broker.privacy import places
from hobd.broker.wires import wires
from hobd.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What stays the same as long as the daemon runs."""

    version: str
    started_at: float
    confinement: str
    config_path: str
    journal: Path  # where the audit is kept, if it is


class DaemonService(DaemonServiceBase):
    def __init__(
        self,
        broker: Broker,
        identity: Identity,
        gate: Gate,
        listing: Listing,
        *,
        end: Callable[[], None],
        attestor: Attestor,
        offline_decided_by: Callable[[], str],
    ) -> None:
        self._broker = broker
        self._identity = identity
        self._gate = gate
        self._listing = listing
        self._end = end
        self._attestor = attestor
        self._offline_decided_by = offline_decided_by
        self._started_with = broker.config

    @property
    def _config(self) -> Config:
        """In force: a reload changes neither walls nor pool."""
        started = self._started_with
        return structs.replace(self._broker.config, security=started.security, memory=started.memory)

    @rpc
    async def GetStatus(self, call: Call[pb.GetStatusRequest, pb.GetStatusResponse]) -> None:
        broker, identity = self._broker, self._identity
        status = pb.GetStatusResponse(
            version=identity.version,
            pid=os.getpid(),
            started_at=render_ledger.timestamp(identity.started_at),
            doors=self._listing.doors(),
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
            spare_worker_pid=broker.loading.spare.pid,
            memory_pressure=render_status.memory_pressure(broker.yielding),
            offline=broker.config.network.offline,
            offline_decided_by=self._offline_decided_by(),
            trips=map(render_status.trip, broker.loading.trips.each()),
            tripwire=broker.loading.trips.policy if broker.loading.trips.hears else "",
            num_trips=broker.loading.trips.num_total,
        )
        own = [session for session in broker.sessions if session.request.caller == call.caller.key]
        await call.send(discretion.of_status(status, call.grants, self._gate, own))

    @rpc
    async def WatchEvents(self, call: Call[pb.WatchEventsRequest, pb.WatchEventsResponse]) -> None:
        async with aclosing(self._broker.feed.watch()) as feed:
            async for news in feed:
                call.require()
                if told := discretion.of_news(news, call.caller, call.grants, self._gate):
                    await call.send(render_ledger.happening(told))

    @rpc
    async def Attest(self, call: Call[pb.AttestRequest, pb.AttestResponse]) -> None:
        await call.send(render_attest.attestation(await self._attestor.evidence()))

    @rpc
    async def GetWires(self, call: Call[pb.GetWiresRequest, pb.GetWiresResponse]) -> None:
        found = await asyncio.to_thread(wires, self._config, os.getpid())
        offline = self._broker.config.network.offline
        await call.send(render_attest.wires(found, offline, self._offline_decided_by()))

    @rpc
    async def GetPrivacy(self, call: Call[pb.GetPrivacyRequest, pb.GetPrivacyResponse]) -> None:
        await call.send(
            render_attest.privacy(await asyncio.to_thread(places, self._config, self._identity.journal))
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
