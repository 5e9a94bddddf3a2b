"""`hob bench` and `hob tune` with llama.cpp, and that what was measured is what the next load gets."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hob_client import Client
from hob_client.models import EngineSettings, Tunings

from tests.daemon import RunningDaemon
from tests.tiny_model import Shape, write_tiny_model

HOB = Path(sys.executable).with_name("hob")
SMALL = ("--rounds", "1", "--prompt-tokens", "16", "--tokens", "12")


@pytest.fixture
def daemon(real_daemon: RunningDaemon, tmp_path: Path) -> RunningDaemon:
    """With a model whose heads are wide enough for a rounded KV cache, as those of real ones are."""
    shape = Shape(width=64, heads=2, kv_heads=1)
    real_daemon.add_model("tiny", write_tiny_model(tmp_path / "tiny.gguf", shape=shape))
    return real_daemon


def hob(daemon: RunningDaemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [HOB, *arguments]
    return subprocess.run(command, env=daemon.environment, capture_output=True, text=True, timeout=100)


def kv_cache_bytes(client: Client) -> int:
    *_, resident = client.load("tiny")
    client.unload("tiny")
    return sum(line.reserved_bytes for line in resident.memory if line.purpose == "kv_cache")


def test_bench_measures_what_it_was_asked_for(daemon: RunningDaemon, tmp_path: Path) -> None:
    daemon.start()
    picture = tmp_path / "speed.png"
    told = hob(daemon, "--json", "bench", "tiny", "--streams", "1,2", *SMALL, "--png", str(picture))
    assert told.returncode == 0, told.stderr
    (measured,) = json.loads(told.stdout)["measured"]
    assert [speed["num_streams"] for speed in measured["speeds"]] == [1, 2]
    assert all(speed["decode_per_second"]["median"] > 0 for speed in measured["speeds"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bench_compares_settings_and_leaves_none_behind(daemon: RunningDaemon) -> None:
    daemon.start()
    told = hob(daemon, "bench", "tiny", "--streams", "1", *SMALL, "--compare", "engine.kv_type=f16,q8_0")
    assert told.returncode == 0, told.stderr
    assert "kv_type f16" in told.stdout and "kv_type q8_0" in told.stdout and "█" in told.stdout
    with daemon.client() as client:
        assert client.status().residents == () and client.tune().tunings == ()


def test_what_was_measured_is_what_the_next_load_gets(daemon: RunningDaemon) -> None:
    with daemon.start().client() as client:
        usual = kv_cache_bytes(client)
        client.tune("tiny", remember=EngineSettings(kv_type="q8_0"))
        assert kv_cache_bytes(client) < usual
        client.tune("tiny", forget=True)
        assert kv_cache_bytes(client) == usual


def test_tune_leaves_alone_what_the_configuration_says(daemon: RunningDaemon) -> None:
    daemon.start("--set", "engine.kv_type=f16", "--set", "engine.batch_tokens=64")
    told = hob(daemon, "--json", "tune", "tiny", *SMALL)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["best"] == {"threads": 0, "batch_tokens": 0, "kv_type": ""}
    assert "engine.threads is set by the configuration" in told.stderr
    with daemon.client() as client:
        assert client.tune() == Tunings(tunings=(), fixed=("batch_tokens", "kv_type", "threads"))


def test_tune_goes_past_settings_with_which_the_model_does_not_load(
    real_daemon: RunningDaemon, tiny_model: Path
) -> None:
    real_daemon.add_model("tiny", tiny_model)
    real_daemon.start("--set", "engine.batch_tokens=64")
    told = hob(real_daemon, "--json", "tune", "tiny", "--dry-run", *SMALL)
    assert "kv_type q8_0" in told.stderr and "does not load" in told.stderr
    assert json.loads(told.stdout)["best"]["kv_type"] == ""


def test_tune_remembers_what_it_shows_and_forgets_it(daemon: RunningDaemon) -> None:
    daemon.start("--set", "engine.batch_tokens=64")
    told = hob(daemon, "--json", "tune", "tiny", "--anyway", *SMALL)
    best = json.loads(told.stdout)["best"]
    with daemon.client() as client:
        shown = [asdict(tuning.settings) for tuning in client.tune("tiny").tunings]
        assert shown == ([best] if any(best.values()) else [])
        assert hob(daemon, "tune", "--forget", "tiny").returncode == 0
        assert client.tune().tunings == ()
