"""The broker forgets a session when its caller is gone, however roughly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hobd.broker.account import Account
from hobd.broker.broker import Broker
from hobd.broker.needs import Needs
from hobd.broker.request import Request
from hobd.broker.resident import Resident
from hobd.broker.trips import Trips
from hobd.broker.yielding import Yielding
from hobd.config import Config
from hobd.pressure.watch import NoWatch
from hobd.store.catalog import Catalog, Entry
from hobd.wire import messages as m


class StuckLoading:
    """Loads nothing, and takes its time to be cancelled."""

    trips = Trips()

    async def load(self, entry: Entry, config: Config, progress: Callable[[str, float], None]) -> Resident:
        raise await asyncio.get_running_loop().create_future()


class Nothing:
    """All models take none."""

    def need(self, entry: Entry, catalog: Catalog, config: Config) -> Account:
        return ()


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    (tmp_path / "model.gguf").write_text("x")
    return Broker(
        config=Config(),
        catalog=Catalog(tmp_path),
        loading=StuckLoading(),  # type: ignore[arg-type]
        needs=Needs(Nothing()),
        budget={},
        yielding=Yielding(NoWatch("a test")),
    )


async def call(broker: Broker) -> None:
    prompt = m.TokensPrompt([1])
    request = Request(model="", prompt=prompt, sampling=m.Sampling(), limits=m.Limits(), priority=1)
    async with broker.session(request) as session:
        async for _ in session.events():
            pass


def test_session_cancelled_twice_is_forgotten(broker: Broker) -> None:
    async def both_deadline_and_caller_end_it() -> int:
        async with broker:
            task = asyncio.create_task(call(broker))
            await asyncio.sleep(0)
            for _ in range(2):  # the second one comes while the first one is being seen to
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait((task,))
            return broker.num_sessions

    assert asyncio.run(both_deadline_and_caller_end_it()) == 0
