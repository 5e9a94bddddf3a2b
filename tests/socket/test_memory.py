"""What models take of memory, asked through the door: before they are loaded, and while they are there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hob_client.errors import ModelUnusable, OutOfMemory
from hob_client.models import Plan

from tests.daemon import RunningDaemon

HOB = Path(sys.executable).with_name("hob")


def hob(daemon: RunningDaemon, *arguments: str) -> str:
    done = subprocess.run(
        [HOB, *arguments], env=daemon.environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


@pytest.fixture
def given_tiny(real_daemon: RunningDaemon, tiny_model: Path) -> RunningDaemon:
    """A daemon with a real model, not yet started."""
    real_daemon.add_model("tiny", tiny_model)
    return real_daemon


def plan(daemon: RunningDaemon, *settings: str) -> Plan:
    arguments = [word for setting in settings for word in ("--set", setting)]
    with daemon.start(*arguments).client() as client:
        return client.plan("tiny")


def test_dry_run_loads_nothing_and_says_what_it_would_take(given_tiny: RunningDaemon) -> None:
    with given_tiny.start().client() as client:
        told = client.plan("tiny")
        assert told.fits_now and not told.steps and not told.problem and told.context_tokens == 512
        assert {line.purpose for line in told.lines} >= {"weights", "kv_cache", "compute", "overhead"}
        assert (
            told.devices[0].name == "ram" and told.devices[0].budget_bytes > told.devices[0].total_bytes / 2
        )
        assert client.status().residents == ()


def test_dry_run_says_what_there_would_be_less_of(given_tiny: RunningDaemon) -> None:
    told = plan(given_tiny, "memory.ram_mb=200")
    assert told.fits_now and told.steps == ("no prefixes kept beside the KV cache",)


def test_model_that_fits_at_no_size_is_refused_with_numbers(given_tiny: RunningDaemon) -> None:
    with given_tiny.start("--set", "memory.ram_mb=20").client() as client:
        assert "tiny needs at least" in client.plan("tiny").problem
        with pytest.raises(OutOfMemory, match="models may have 20 MB"):
            client.complete("tiny", "hi", max_tokens=1)


def test_when_nothing_may_shrink_a_model_too_large_is_refused(given_tiny: RunningDaemon) -> None:
    daemon = given_tiny.start("--set", "memory.ram_mb=200", "--set", "memory.when_short=refuse")
    with daemon.client() as client, pytest.raises(OutOfMemory, match="when_short"):
        client.complete("tiny", "hi", max_tokens=1)


def test_model_that_got_less_answers_and_says_so(given_tiny: RunningDaemon) -> None:
    with given_tiny.start("--set", "memory.ram_mb=200").client() as client:
        assert client.complete("tiny", "hi", max_tokens=3).text
        assert client.status().residents[0].shrunk == "no prefixes kept beside the KV cache"
    assert "event=shrunk model=tiny" in given_tiny.log


def test_resident_shows_what_was_measured_beside_what_was_reserved(given_tiny: RunningDaemon) -> None:
    with given_tiny.start().client() as client:
        client.complete("tiny", "hi", max_tokens=1)
        lines = {line.purpose: line for line in client.status().residents[0].memory}
    for purpose in ("weights", "kv_cache"):
        assert abs(lines[purpose].measured_bytes - lines[purpose].reserved_bytes) < 20_000
    assert lines["overhead"].measured_bytes < 2 * lines["overhead"].reserved_bytes


def test_show_tells_what_the_file_says(given_tiny: RunningDaemon) -> None:
    given_tiny.start()
    told = hob(given_tiny, "models", "show", "tiny")
    assert "architecture" in told and "llama" in told and "KV cache" in told and "fits now" in told
    record = json.loads(hob(given_tiny, "models", "show", "tiny", "--json"))
    assert record["resident"] is None and record["plan"]["fits_now"] is True
    assert {"key": "architecture", "value": "llama"} in record["facts"]


def test_dry_run_is_one_json_object(given_tiny: RunningDaemon) -> None:
    given_tiny.start()
    record = json.loads(hob(given_tiny, "load", "--dry-run", "tiny", "--json"))
    assert record["event"] == "plan" and record["lines"][0]["device"] == "ram"
    assert "FOR MODELS" in hob(given_tiny, "load", "--dry-run", "tiny")


def test_ps_shows_memory_by_purpose(given_tiny: RunningDaemon) -> None:
    given_tiny.start("--load", "tiny")
    hob(given_tiny, "load", "tiny")
    told = hob(given_tiny, "ps", "--memory")
    assert "MEASURED" in told and "█" in told and "prefixes kept" in told


def test_file_that_cannot_be_read_is_shown_with_its_problem(daemon: RunningDaemon) -> None:
    daemon.add_model("odd", "ok\n")
    with daemon.start().client() as client:
        details = client.model("odd")
        assert details.plan is None and "in the middle of its header" in details.problem
        with pytest.raises(ModelUnusable, match="in the middle of its header"):
            client.plan("odd")
