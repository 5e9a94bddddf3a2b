"""Evidence of the walls, asked of a real daemon: what holds, and that each thing that is broken shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hob_client.states import Attestation, Evidence

from tests.daemon import RunningDaemon

HOB = Path(sys.executable).with_name("hob")
#: What only a later wall stops, or being somebody else than an administrator.
_NOT_YET = {"no_files", "no_new_code", "no_signals", "no_capabilities"}


def attest(daemon: RunningDaemon, model: str = "ok") -> Attestation:
    with daemon.client() as client:
        client.complete(model, "hi", max_tokens=1)
        return client.attest()


def failed(told: Attestation) -> set[tuple[str, str]]:
    return {
        (each.subject, each.property)
        for each in told.evidence
        if not each.held and each.property not in _NOT_YET
    }


def one(told: Attestation, subject: str, property: str, source: str) -> Evidence:
    (found,) = (
        each
        for each in told.evidence
        if (each.subject, each.property, each.source) == (subject, property, source)
    )
    return found


@pytest.fixture
def bare(given: RunningDaemon) -> RunningDaemon:
    """Without any walls, as on a system that knows none."""
    given.has_walls = False
    return given.start("--set", "security.sandbox=none")


@pytest.fixture
def given(daemon: RunningDaemon) -> RunningDaemon:
    """Not yet started."""
    daemon.log_path.touch(mode=0o600)
    for name in ("ok", "listens", "opens", "shows", "boasts", "mute"):
        daemon.add_model(name, f"{name}\n")
    return daemon


def test_all_that_is_claimed_holds(given: RunningDaemon) -> None:
    told = attest(given.start())
    assert failed(told) == set() or failed(told) == {("machine", "no_plain_swap")}
    subjects = {each.subject for each in told.evidence}
    assert subjects >= {"daemon", "machine", "worker ok", "worker ok: renderer", "worker ok: child 1"}


def test_worker_is_looked_at_from_outside_as_well(given: RunningDaemon) -> None:
    told = attest(given.start())
    for source in ("told by the worker", "seen from outside"):
        assert one(told, "worker ok", "filtered", source).held
    assert (
        one(told, "worker ok", "no_exec", "told by the worker").observed
        == "refused (EPERM): execve, execveat"
    )


def test_without_walls_nothing_is_said_to_hold(bare: RunningDaemon) -> None:
    told = attest(bare)
    assert failed(told) >= {
        ("daemon", "sandbox_enforced"),
        ("daemon", "no_network_sockets"),
        ("worker ok", "filtered"),
        ("worker ok", "no_network_sockets"),
        ("worker ok", "not_dumpable"),
        ("worker ok: renderer", "filtered"),
    }
    assert not told.all_held


def test_loose_directory_of_a_door_is_found_later(given: RunningDaemon) -> None:
    given.start()
    given.socket.parent.chmod(0o711)
    told = attest(given)
    found = one(told, "daemon", "door_private_owner", "read")
    assert not found.held and "directory 0711" in found.observed and "0700" in found.remedy


def test_loose_socket_is_found_later(given: RunningDaemon) -> None:
    given.start()
    given.socket.chmod(0o666)
    assert ("daemon", "door_private_owner") in failed(attest(given))


def test_log_that_others_may_read_is_found(given: RunningDaemon) -> None:
    given.log_path.chmod(0o644)
    assert failed(attest(given.start())) >= {("daemon", "log_private")}


@pytest.mark.parametrize(
    ("model", "property"),
    [("listens", "no_network_open"), ("listens", "descriptors"), ("opens", "descriptors")],
)
def test_what_a_worker_has_open_beyond_its_own_is_found(
    bare: RunningDaemon, model: str, property: str
) -> None:
    """With walls a worker cannot have made the listener."""
    told = attest(bare, model)
    assert (f"worker {model}", property) in failed(told)


def test_worker_that_became_dumpable_is_found(given: RunningDaemon) -> None:
    assert failed(attest(given.start(), "shows")) >= {("worker shows", "not_dumpable")}


def test_worker_that_leaves_properties_out_has_not_held_them(given: RunningDaemon) -> None:
    told = attest(given.start(), "mute")
    assert one(told, "worker mute", "no_exec", "told by the worker").observed == "it said nothing of it"


def test_worker_that_boasts_is_believed_in_nothing_that_can_be_seen(bare: RunningDaemon) -> None:
    told = attest(bare, "boasts")
    assert one(told, "worker boasts", "filtered", "told by the worker").held
    assert not one(told, "worker boasts", "filtered", "seen from outside").held


def test_attesting_changes_nothing_that_is_attested(given: RunningDaemon) -> None:
    given.start()
    assert failed(attest(given)) == failed(attest(given))


def hob(daemon: RunningDaemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOB, *arguments], env=daemon.environment, capture_output=True, text=True, timeout=60
    )


def test_exit_status_tells_scripts(given: RunningDaemon) -> None:
    given.start()
    given.socket.chmod(0o660)
    done = hob(given, "attest", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 11 and not told["all_held"]
    (found,) = (each for each in told["evidence"] if each["property"] == "door_private_owner")
    assert not found["held"] and found["remedy"]


def test_table_shows_what_did_not_hold(given: RunningDaemon) -> None:
    given.start()
    given.socket.chmod(0o660)
    told = hob(given, "attest").stdout
    assert "NOT  door_private_owner" in told and "socket 0660" in told
    assert "held  no_connect" in hob(given, "attest", "--all").stdout


def test_real_worker_answers_for_itself_and_its_children(
    real_daemon: RunningDaemon, tiny_model: Path
) -> None:
    real_daemon.log_path.touch(mode=0o600)
    real_daemon.add_model("tiny", tiny_model)
    told = attest(real_daemon.start(), "tiny")
    assert failed(told) <= {("machine", "no_plain_swap")}
    assert {"worker tiny", "worker tiny: renderer"} <= {each.subject for each in told.evidence}
    with real_daemon.client() as client:
        assert client.complete("tiny", "hi", max_tokens=2).receipt.num_completion_tokens
