"""The audit of a real daemon: what it tells of who asked what, and that it tells nothing of what was said.

Must stay below its own directory.
Run by pytest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hob import audit
from hob_client import Client
from hob_client.doors import DoorSettings, DoorTerms
from hob_client.errors import HobError

from tests.daemon import RunningDaemon

CANARY = "canary-7f3a"


@pytest.fixture
def owner(daemon: RunningDaemon) -> Iterator[Client]:
    daemon.add_model("model")
    with daemon.start().client() as client:
        yield client


def folder(daemon: RunningDaemon) -> Path:
    (file,) = (daemon.home / ".local/state/hob/audit").rglob("audit.jsonl")
    return file.parent


def records(daemon: RunningDaemon, kind: str = "") -> list[dict[str, Any]]:
    found = [audit.read_line(line) for line in audit.read(folder(daemon))]
    return [record for record in found if record and record["kind"].startswith(kind)]


def test_request_is_recorded_with_who_asked_what_and_how_it_ended(
    daemon: RunningDaemon, owner: Client
) -> None:
    receipt = owner.complete("model", "hello", max_tokens=3, priority_class="batch").receipt
    (record,) = records(daemon, "request")
    expected = {
        "door": "owner",
        "uid": os.getuid(),
        "rpc": "Generate",
        "model": "model",
        "sha256": receipt.model_sha256,
        "request_id": receipt.request_id,
        "priority": "batch",
        "num_prompt_tokens": receipt.num_prompt_tokens,
        "num_completion_tokens": 3,
        "outcome": "max_tokens",
    }
    assert record.items() >= expected.items()
    assert record["ms"] >= 0 and "python" in record["executable"]


def test_cancelled_answer_is_recorded_with_what_it_took(daemon: RunningDaemon, owner: Client) -> None:
    events = owner.generate("model", "hello", max_tokens=4000, ignore_eos=True)
    for event in events:
        if event.text:
            break
    events.close()
    daemon.stop()
    (record,) = records(daemon, "request")
    assert record["outcome"] == "cancelled" and record["num_prompt_tokens"] > 0
    assert 0 < record["num_completion_tokens"] < 4000


def test_life_of_daemon_models_and_doors_is_one_whole_chain(daemon: RunningDaemon, owner: Client) -> None:
    owner.complete("model", "hello", max_tokens=1)
    owner.doors.add(DoorSettings(name="ci"))
    owner.doors.remove("ci")
    owner.unload("model")
    daemon.stop()
    daemon.start()
    daemon.stop()
    kinds = [record["kind"] for record in records(daemon)]
    assert {"started", "door_opened", "door_closed", "config_reloaded", "model_loaded", "model_left"} <= {
        *kinds
    }
    assert kinds.count("started") == kinds.count("ended") == 2
    chain = audit.check(audit.read(folder(daemon)), prev=audit.GENESIS)
    assert chain.is_whole and chain.num_records == len(kinds)


def test_daemon_that_may_not_start_leaves_the_chain_alone(daemon: RunningDaemon, owner: Client) -> None:
    before = len(records(daemon))
    second = RunningDaemon(daemon.home / "second", fake_workers=True)
    second.socket, second.home = daemon.socket, daemon.home
    with pytest.raises(AssertionError, match="already serving"):
        second.start()
    assert second.wait() == 1
    assert len(records(daemon)) == before


def test_refusals_are_recorded_with_the_rule_and_a_flood_of_them_once(
    daemon: RunningDaemon, owner: Client
) -> None:
    door = owner.doors.add(DoorSettings(name="ci", terms=DoorTerms(no_raw_prompts=True))).door.door
    with Client(door.path, start=False) as client:
        for _ in range(20):
            with pytest.raises(HobError):
                client.complete("model", "hello")
    (record,) = records(daemon, "refused")
    assert (record["door"], record["rule"], record["rpc"], record["num"]) == (
        "ci",
        "raw_prompts",
        "Generate",
        1,
    )
    daemon.stop()
    assert [record["num"] for record in records(daemon, "refused")] == [1, 19]


def test_nothing_that_was_said_is_recorded(daemon: RunningDaemon, owner: Client) -> None:
    terms = DoorTerms(system_prompt=f"pinned {CANARY}", operations=("infer", "manage"))
    path = owner.doors.add(DoorSettings(name="ci", terms=terms)).door.door.path
    words: dict[str, Any] = {"client_request_id": CANARY, "cache_domain": CANARY, "stop": [CANARY]}
    with Client(path, start=False) as client:
        for ask in (
            lambda: client.ask("model", CANARY, max_tokens=2, **words),
            lambda: client.ask("model", CANARY, json_schema={"const": CANARY}, max_tokens=2),
            lambda: client.ask(CANARY, CANARY),
            lambda: client.complete("model", CANARY),
            lambda: client.tokenize("model", CANARY),
            lambda: owner.complete("model", CANARY, max_tokens=2, loras={CANARY: 1}),
            lambda: client.unload(CANARY),
        ):
            try:
                ask()
            except HobError:
                pass
    daemon.stop()
    assert len(records(daemon)) > 8
    everything = b"".join(file.read_bytes() for file in folder(daemon).iterdir())
    assert CANARY.encode() not in everything and CANARY not in daemon.log


def test_journal_is_the_owners_alone(daemon: RunningDaemon, owner: Client) -> None:
    place = folder(daemon)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o600}


def test_journal_is_not_kept_where_the_configuration_says_so(daemon: RunningDaemon) -> None:
    daemon.add_model("model")
    with daemon.start("--set", "audit.enabled=false").client() as client:
        client.complete("model", "hello", max_tokens=1)
    assert not (daemon.home / ".local/state/hob/audit").exists()
