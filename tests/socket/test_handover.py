"""What a worker computed outlives it, whatever else the worker does; and is forgotten when that is wished."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hob_client import Client

from tests.daemon import RunningDaemon, await_true

PROMPT = "the canary in the coal mine sings of 7f3a9c1e"


@pytest.fixture
def client(daemon: RunningDaemon) -> Client:
    daemon.add_model("model")
    return daemon.start().client()


def num_cached(client: Client, model: str = "model", **options: object) -> int:
    answer = client.complete(model, PROMPT, max_tokens=4, **options)
    return answer.receipt.num_cached_tokens


def test_conversation_goes_on_after_a_stop(client: Client) -> None:
    with client:
        assert num_cached(client) == 0
        client.unload("model")
        await_true(lambda: client.status().pool, "what it left is sealed")
        kept = client.status().pool
        assert [(use.model, use.num_prefixes) for use in kept] == [("model", 1)]
        assert num_cached(client) == len(PROMPT) - 1
        assert client.status().residents[0].num_restored == 1 and not client.status().pool


def test_prefixes_of_another_domain_and_of_incognito_requests_are_not_found(client: Client) -> None:
    with client:
        num_cached(client, incognito=True)
        num_cached(client, cache_domain="mine")
        client.unload("model")
        assert num_cached(client, cache_domain="yours") == num_cached(client, incognito=True) == 0
        assert num_cached(client, cache_domain="mine") > 0


@pytest.mark.parametrize("script", ["leave-dying", "leave-hanging", "leave-lying"])
def test_worker_that_fails_at_handing_over_loses_only_that(daemon: RunningDaemon, script: str) -> None:
    daemon.add_model("model", f"{script}\n")
    with daemon.start().client() as client:
        num_cached(client)
        began = time.monotonic()
        assert client.unload("model").was_resident
        assert time.monotonic() - began < 8
        assert not client.status().pool and num_cached(client) == 0


def test_forget_drops_what_workers_and_the_pool_hold(client: Client) -> None:
    with client:
        num_cached(client)
        client.unload("model")
        assert client.forget().num_prefixes == 1
        assert num_cached(client) == 0
        assert client.forget("model").num_prefixes == 1
        assert num_cached(client) == 0 and client.forget(cache_domain="other").num_prefixes == 0


def test_file_that_became_another_gets_nothing_of_the_old_one(daemon: RunningDaemon) -> None:
    daemon.add_model("model", "ok\n")
    with daemon.start().client() as client:
        num_cached(client)
        client.unload("model")
        (daemon.models / "model.gguf").unlink()
        daemon.add_model("model", "ok\n# another one\n")
        assert num_cached(client) == 0
        assert "event=state_refused" in daemon.log and not client.status().pool


def test_nothing_is_kept_without_a_pool(daemon: RunningDaemon) -> None:
    daemon.add_model("model")
    with daemon.start("--set", "memory.pool_mb=0").client() as client:
        num_cached(client)
        client.unload("model")
        assert num_cached(client) == 0 and client.status().pool_limit_bytes == 0


def test_no_word_of_a_kept_prompt_is_in_any_file_or_log(daemon: RunningDaemon, client: Client) -> None:
    with client:
        num_cached(client)
        client.unload("model")
        assert num_cached(client)
        client.unload("model")
        daemon.stop()
    files = [path for path in daemon.home.rglob("*") if path.is_file()]
    spelled = PROMPT[-8:].encode()
    assert daemon.log_path in files and not [path for path in files if spelled in Path(path).read_bytes()]


@pytest.fixture
def daemon_with_spare(tmp_path: Path) -> Iterator[RunningDaemon]:
    running = RunningDaemon(tmp_path / "home", fake_workers=True, has_spare=True)
    running.add_model("model")
    yield running.start()
    running.stop()


def test_spare_worker_is_taken_for_the_next_model_and_replaced(daemon_with_spare: RunningDaemon) -> None:
    with daemon_with_spare.client() as client:
        await_true(lambda: client.status().spare_worker_pid, "a spare worker waits")
        spare = client.status().spare_worker_pid
        num_cached(client)
        assert client.status().residents[0].worker_pid == spare
        await_true(lambda: client.status().spare_worker_pid not in (0, spare), "another one waits")


def test_spare_worker_that_was_killed_costs_nobody_an_answer(daemon_with_spare: RunningDaemon) -> None:
    with daemon_with_spare.client() as client:
        await_true(lambda: client.status().spare_worker_pid, "a spare worker waits")
        os.kill(client.status().spare_worker_pid, signal.SIGKILL)
        assert num_cached(client) == 0
        assert "event=load_failed" not in daemon_with_spare.log


def test_spare_worker_ends_with_its_daemon(daemon_with_spare: RunningDaemon) -> None:
    with daemon_with_spare.client() as client:
        await_true(lambda: client.status().spare_worker_pid, "a spare worker waits")
        spare = psutil.Process(client.status().spare_worker_pid)
    os.kill(daemon_with_spare.pid, signal.SIGKILL)
    assert not psutil.wait_procs([spare], 10)[1]
