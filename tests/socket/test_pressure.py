"""A machine short of memory gets it back: what was kept, then idle models; last, new work is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hob_client import Client
from hob_client.errors import Busy

from tests.daemon import RunningDaemon, await_true


class Machine:
    """Rings as a service manager would."""

    def __init__(self, path: Path, client: Client) -> None:
        self._path = path
        self._client = client

    def is_short(self, yields: str) -> None:
        """Rings until the daemon yields so much: an alarm soon after another is of the time before it."""

        def ring() -> bool:
            with self._path.open("wb", buffering=0) as pipe:
                pipe.write(b".")
            return self._client.status().memory_pressure.yields == yields

        await_true(ring, f"it yields {yields}", seconds=30)


@pytest.fixture
def client(daemon: RunningDaemon) -> Client:
    daemon.alarms = daemon.home / "alarms"
    os.mkfifo(daemon.alarms)
    for name in ("one", "two"):
        daemon.add_model(name)
    return daemon.start().client()


@pytest.fixture
def machine(daemon: RunningDaemon, client: Client) -> Machine:
    return Machine(daemon.alarms, client)


def test_kept_prefixes_go_first_and_models_stay(client: Client, machine: Machine) -> None:
    with client:
        client.complete("one", "the rain on the hills", max_tokens=4)
        client.unload("one")
        await_true(lambda: client.status().pool, "what it left is sealed")
        client.complete("two", "hello", max_tokens=1)
        machine.is_short("caches")
        status = client.status()
        assert not status.pool and [resident.model for resident in status.residents] == ["two"]


def test_idle_models_go_then_new_work_is_refused_with_a_time(client: Client, machine: Machine) -> None:
    with client:
        for name in ("one", "two"):
            client.complete(name, "hello", max_tokens=1)
        client.pin("two")
        machine.is_short("new_work")
        with pytest.raises(Busy, match="short of memory") as refused:
            client.complete("two", "hello", max_tokens=1)
        assert refused.value.retry_after_ms
        assert [resident.model for resident in client.status().residents] == ["two"]
