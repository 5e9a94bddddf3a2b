"""Workers that go when nobody expects it: what was ordered of them ends all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hobd.broker.account import Account
from hobd.broker.feed import Feed
from hobd.broker.ledger import Ledger
from hobd.broker.needs import Needs
from hobd.broker.tasks import Tasks
from hobd.broker.tenancy import Tenancy
from hobd.config import Config
from hobd.store.catalog import Catalog, Entry

_NO_PID = 1 << 22  # one more than any process has


class Ghost:
    """A resident without a process, which goes when it is told to."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.process = SimpleNamespace(pid=_NO_PID)
        self.conduct = SimpleNamespace(condemnation="")
        self.load_ms, self.degraded, self.draft, self.kv_seconds = 0, "", "", 0.0
        self.has_hung = self.is_leaving = False
        self.idle, self.departed = asyncio.Event(), asyncio.Event()
        self.idle.set()
        self.may_stop = asyncio.Event()  # `stop` lasts until then
        self.may_stop.set()
        self._end = asyncio.get_running_loop().create_future()

    async def gone(self) -> int:
        return await self._end

    async def stop(self, reason: str) -> None:
        self.die()
        await self.may_stop.wait()

    def die(self) -> None:
        if not self._end.done():
            self._end.set_result(-9)


class Nothing:
    """All models take none."""

    def need(self, entry: Entry, catalog: Catalog, config: Config) -> Account:
        return ()


class House:
    """A tenancy of one model, whose workers are ghosts; `news` is what was told."""

    def __init__(self, directory: Path) -> None:
        (directory / "a.gguf").write_text("x")
        self.news: list[str] = []
        self.ghosts: list[Ghost] = []
        self._catalog = Catalog(directory)
        self._catalog.scan()

    async def load(self, entry: Entry, draft: object, config: Config, progress: object) -> Ghost:
        self.ghosts.append(Ghost(entry.name))
        return self.ghosts[-1]

    def tenancy(self, tasks: Tasks) -> Tenancy:
        return Tenancy(
            config=Config(),
            catalog=self._catalog,
            loading=self,  # type: ignore[arg-type]
            ledger=Ledger({}),
            needs=Needs(Nothing()),
            feed=Feed(lambda news: self.news.append(news.kind)),
            tasks=tasks,
        )

    async def use(self, tenancy: Tenancy) -> None:
        async with tenancy.lease(self._catalog.resolve("a"), lambda *_: None):
            pass


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def run(house: House, scenario: Callable[[Tenancy], Any]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(20), Tasks() as tasks:
            tenancy = house.tenancy(tasks)
            await scenario(tenancy)
            for ghost in house.ghosts:
                ghost.die()

    asyncio.run(in_time())


def test_worker_that_dies_before_it_can_be_evicted_harms_nobody(house: House) -> None:
    async def scenario(tenancy: Tenancy) -> None:
        await house.use(tenancy)
        house.ghosts[0].die()
        tenancy.let_one_go()

    run(house, scenario)
    assert "model_evicted" in house.news


def test_eviction_ends_though_the_model_is_back_already(house: House) -> None:
    async def scenario(tenancy: Tenancy) -> None:
        await house.use(tenancy)
        house.ghosts[0].may_stop.clear()
        tenancy.let_one_go()
        await house.use(tenancy)
        house.ghosts[0].may_stop.set()
        while "model_evicted" not in house.news:
            await asyncio.sleep(0.01)

    run(house, scenario)
    assert len(house.ghosts) == 2
