"""Memory as the daemon owns it, through the door: who waits, who leaves, and that it is really free."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from hob_client import Client, errors
from hob_client.models import Resident

from tests.daemon import RunningDaemon, await_true, has_ended

SLOW = {"temperature": 0, "ignore_eos": True}


@pytest.fixture
def tight(daemon: RunningDaemon) -> RunningDaemon:
    """A daemon with memory for one of two slow models, not yet started."""
    daemon.budget_bytes = 100 << 20
    for name in ("a", "b"):
        daemon.add_model(name, "slow\n")
    return daemon


def resident(client: Client, model: str) -> Resident:
    return next(each for each in client.status().residents if each.model == model)


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_newcomer_waits_for_room_is_told_so_and_then_answers(tight: RunningDaemon) -> None:
    with tight.start().client() as client, closing(client.generate("a", "x", **SLOW)) as first:
        next(event for event in first if event.text)
        events = client.generate("b", "x", max_tokens=3, **SLOW)
        waiting = next(events)
        assert (waiting.kind, waiting.stage, waiting.num_ahead) == ("progress", "waiting_for_room", 0)
        [row] = client.status().waiting
        assert (row.model, row.num_requests) == ("b", 1) and resident(client, "a").leaves_for == "b"
        first.close()
        assert list(events)[-1].finish_reason == "max_tokens"
        assert [each.model for each in client.status().residents] == ["b"]


def test_newcomer_is_refused_when_no_room_comes_in_time(tight: RunningDaemon) -> None:
    with tight.start("--set", "models.room_wait_seconds=1").client() as client:
        with closing(client.generate("a", "x", **SLOW)) as events:
            next(event for event in events if event.text)
            with pytest.raises(errors.Busy, match="b found no room in memory within 1 s, since a stayed"):
                client.complete("b", "x")


def test_caller_who_goes_leaves_the_row(tight: RunningDaemon) -> None:
    with tight.start().client() as client, closing(client.generate("a", "x", **SLOW)) as first:
        next(event for event in first if event.text)
        with closing(client.generate("b", "x")) as second:
            next(second)
        await_true(lambda: not client.status().waiting, "the row is empty")
        assert not resident(client, "a").leaves_for


def test_own_deadline_ends_the_wait_for_room(tight: RunningDaemon) -> None:
    with tight.start().client() as client, closing(client.generate("a", "x", **SLOW)) as events:
        next(event for event in events if event.text)
        with pytest.raises(errors.Busy, match="b was not ready within the 200 ms"):
            client.complete("b", "x", max_total_ms=200)
        await_true(lambda: not client.status().waiting, "the row is empty")


def test_model_larger_than_all_memory_is_refused_with_numbers(tight: RunningDaemon) -> None:
    tight.budget_bytes = 10 << 20
    with tight.start().client() as client, pytest.raises(errors.OutOfMemory, match=r"there are 10\.0 MiB"):
        client.complete("a", "x")


def test_idle_model_leaves_by_itself_and_the_ledger_is_empty(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start("--set", "models.idle_ttl_seconds=1").client() as client:
        client.complete("ok", "x", temperature=0)
        await_true(lambda: not client.status().residents, "the model has left")
        [ram] = client.status().memory
        assert ram.free_bytes == ram.budget_bytes and not psutil.Process(daemon.pid).children()


def test_keep_alive_of_a_request_lengthens_its_stay(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        client.complete("ok", "x", temperature=0, keep_alive_seconds=86400)
        client.complete("ok", "x", temperature=0, keep_alive_seconds=1)
        await_true(lambda: resident(client, "ok").leaves_at, "the lease is back")
        kept = resident(client, "ok")
    assert kept.leaves_at and kept.kept_until and kept.idle_since
    assert abs(kept.leaves_at - kept.kept_until).total_seconds() < 1
    assert (kept.leaves_at - kept.idle_since).total_seconds() > 86000


def test_stop_returns_when_no_process_is_left_and_says_what_that_freed(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        list(client.load("ok"))
        worker = psutil.Process(resident(client, "ok").worker_pid)
        family = [worker, *worker.children(recursive=True)]
        freed = client.unload("ok").freed_bytes
        assert len(family) == 2 and all(map(has_ended, family))
    assert 5 << 20 < freed < 500 << 20


def test_stop_waits_for_a_load_and_then_stops_it(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        loading = client.load("ok")
        next(loading)
        assert client.status().loading_models == ("ok",)
        assert client.unload("ok").was_resident and not client.status().residents
        loading.close()


def test_forced_stop_ends_a_load_and_tells_who_waits_for_it(daemon: RunningDaemon) -> None:
    daemon.add_model("silent", "silent\n")  # would never say hello
    told: list[Exception] = []

    def ask() -> None:
        try:
            client.complete("silent", "x")
        except errors.HobError as error:
            told.append(error)

    with daemon.start().client() as client:
        asking = in_background(ask)
        await_true(lambda: client.status().loading_models, "the load begins")
        assert not client.unload("silent", force=True).was_resident
        asking.join()
        assert "silent was stopped while it was loading; ask again" in str(told)
        await_true(lambda: not psutil.Process(daemon.pid).children(), "its worker is gone")


def test_model_whose_file_is_gone_answers_on_and_can_be_stopped(daemon: RunningDaemon) -> None:
    path = daemon.add_model("ok")
    with daemon.start().client() as client:
        client.complete("ok", "x", temperature=0)
        path.unlink()
        client.complete("ok", "x", temperature=0)
        assert client.unload("ok").was_resident
        with pytest.raises(errors.ModelNotFound):
            client.complete("ok", "x")


# ------------------------------------------------------------------ workers that stand still


def test_worker_that_stands_still_is_replaced_and_its_answer_goes_on(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    with daemon.start("--set", "engine.step_timeout_seconds=1").client() as client:
        undisturbed = client.complete("slow", "x", max_tokens=30, **SLOW).text
        events = client.generate("slow", "x", max_tokens=30, **SLOW)
        heard = [next(event for event in events if event.text)]
        psutil.Process(resident(client, "slow").worker_pid).send_signal(signal.SIGSTOP)
        heard += list(events)
        assert "".join(event.text for event in heard) == undisturbed and heard[-1].done.resumed
        assert "worker_hung" in daemon.log


def test_worker_that_stands_still_idle_is_left_alone_and_can_be_stopped(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start("--set", "engine.step_timeout_seconds=1").client() as client:
        list(client.load("ok"))
        worker = psutil.Process(resident(client, "ok").worker_pid)
        worker.send_signal(signal.SIGSTOP)
        assert client.unload("ok").was_resident and has_ended(worker)
        assert "worker_hung" not in daemon.log


def test_stopped_worker_and_its_renderer_die_with_a_killed_daemon(
    real_daemon: RunningDaemon, tiny_model: Path
) -> None:
    real_daemon.add_model("tiny", tiny_model)
    with real_daemon.start().client() as client:
        list(client.load("tiny"))
        family = psutil.Process(real_daemon.pid).children(recursive=True)
        family[0].send_signal(signal.SIGSTOP)
        real_daemon.signal(signal.SIGKILL)
    assert len(family) >= 2
    await_true(lambda: all(map(has_ended, family)), "worker and renderer are gone")


def test_events_tell_who_went_for_whom(tight: RunningDaemon) -> None:
    seen = []
    with tight.start().client() as client, closing(client.watch()) as happenings:

        def watch() -> None:
            for happening in happenings:
                seen.append(happening)
                if happening.kind == "model_loaded" and happening.model == "b":
                    return

        watching = in_background(watch)
        while not seen:  # nobody knows when a watcher has begun to watch
            list(client.load("a"))
            client.unload("a")
        list(client.load("a"))
        client.complete("b", "x", max_tokens=1, **SLOW)
        watching.join()
    evicted = next(happening for happening in seen if happening.kind == "model_evicted")
    assert (evicted.model, evicted.reason, evicted.beneficiary) == ("a", "room", "b")
    assert evicted.num_bytes > 5 << 20
