"""What goes wrong around the daemon costs nobody more than it must: it lives, answers, its books balance."""

from __future__ import annotations

import resource
import signal
import time

import pytest
from hob_client import Client, errors

from tests.daemon import RunningDaemon

SLOW = {"temperature": 0, "ignore_eos": True}


def reserved_bytes(client: Client) -> int:
    return sum(device.reserved_bytes for device in client.status().memory)


@pytest.mark.parametrize("script", ["segv-while-loading", "unusable", "memory", "garbage", "huge-frame"])
def test_load_that_fails_midway_gives_back_what_was_reserved(daemon: RunningDaemon, script: str) -> None:
    daemon.add_model("broken", f"{script}\n")
    daemon.add_model("good")
    with daemon.start().client() as client:
        with pytest.raises(errors.HobError, match="broken"):
            client.complete("broken", "x", max_tokens=1)
        assert reserved_bytes(client) == 0 and not client.status().residents
        assert client.complete("good", "x", max_tokens=1).receipt


def test_daemon_that_slept_takes_nobody_for_hung(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    with daemon.start("--set", "engine.step_timeout_seconds=1").client() as client:
        undisturbed = client.complete("slow", "x", max_tokens=30, **SLOW).text
        events = client.generate("slow", "x", max_tokens=30, **SLOW)
        heard = [next(event for event in events if event.text)]
        daemon.signal(signal.SIGSTOP)
        time.sleep(2)
        daemon.signal(signal.SIGCONT)
        heard += list(events)
        assert "".join(event.text for event in heard) == undisturbed and not heard[-1].done.resumed
        assert "worker_hung" not in daemon.log


def test_without_room_on_the_disk_models_are_loaded_answer_and_leave(daemon: RunningDaemon) -> None:
    """No state can be written, no log, and no memory handed over that a file would stand for."""
    daemon.add_model("model")
    with daemon.start().client() as client:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, 0))
        for _ in range(2):
            assert client.complete("model", "x" * 40, max_tokens=1).receipt.num_cached_tokens == 0
            assert client.unload("model").was_resident
        assert reserved_bytes(client) == 0


def test_file_written_over_while_its_model_is_in_memory_is_another_model_at_the_next_load(
    daemon: RunningDaemon,
) -> None:
    path = daemon.add_model("model")
    with daemon.start().client() as client:
        before = client.complete("model", "x", max_tokens=1).receipt.model_sha256
        path.chmod(0o644)
        path.write_text("ok\n# another\n")
        assert client.complete("model", "x", max_tokens=1).receipt.model_sha256 == before
        client.unload("model")
        assert client.complete("model", "x", max_tokens=1).receipt.model_sha256 != before
