"""What a worker tries is seen in the daemon, told to whoever asks, and followed by what is configured."""

from __future__ import annotations

import json
import threading

import pytest
from hob_client import errors
from hob_client.states import Happening

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon, await_true

TRIED = ["socket", "openat", "kill"]


@pytest.fixture
def tripping(daemon: RunningDaemon) -> RunningDaemon:
    """Has a model that tries something when it is loaded, and one that does when it answers."""
    daemon.may_trip = True
    daemon.add_model("early", "trip\n")
    daemon.add_model("late", "trip-late\n")
    return daemon


@pytest.fixture
def hob(
    daemon: RunningDaemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    monkeypatch.setenv("HOB_SOCKET", str(daemon.socket))
    return CommandLine(capsys, monkeypatch)


def start(daemon: RunningDaemon, policy: str) -> RunningDaemon:
    return daemon.start("--set", f"security.tripwire={policy}")


def test_recorded_trip_is_told_and_the_answer_goes_on(tripping: RunningDaemon) -> None:
    with start(tripping, "record").client() as client:
        assert client.complete("late", "hello", max_tokens=3).text
        status = client.status()
    assert [trip.call for trip in status.trips] == TRIED and status.num_trips == 3
    assert {trip.model for trip in status.trips} == {"late"} and len(status.trips[0].sha256) == 64
    assert status.residents[0].num_trips == 3 and status.residents[0].trips == "socket 1, openat 1, kill 1"


def test_trip_while_loading_is_recorded(tripping: RunningDaemon) -> None:
    with start(tripping, "record").client() as client:
        list(client.load("early"))
        assert [trip.call for trip in client.status().trips] == TRIED
    assert "event=tripwire model=early" in tripping.log and "call=socket" in tripping.log


def test_stopped_model_does_not_load_and_says_why(tripping: RunningDaemon) -> None:
    with start(tripping, "stop").client() as client:
        with pytest.raises(errors.ModelUnusable, match=r"early .*forbids \(socket\) and was stopped"):
            list(client.load("early"))
        assert client.status().num_trips >= 1 and not client.status().residents


def test_request_of_a_stopped_model_is_refused_and_not_tried_again(tripping: RunningDaemon) -> None:
    with start(tripping, "stop").client() as client:
        with pytest.raises(errors.ModelUnusable, match=r"was refused: late cannot be used"):
            client.complete("late", "hello", max_tokens=3)
        await_true(lambda: not client.status().residents, "the worker is gone")
    assert tripping.log.count("event=model_loaded") == 1


def test_quarantined_model_is_not_loaded_after_a_restart_either(tripping: RunningDaemon) -> None:
    with start(tripping, "quarantine").client() as client, pytest.raises(errors.ModelUnusable):
        list(client.load("early"))
    tripping.stop()
    with start(tripping, "record").client() as client:
        with pytest.raises(errors.ModelUnusable, match=r"it is in quarantine \(its worker tried"):
            list(client.load("early"))
        assert client.status().num_trips == 0


def test_watchers_hear_of_trips(tripping: RunningDaemon) -> None:
    heard: list[Happening] = []
    is_watching = threading.Event()

    def watch() -> None:
        with tripping.client() as watcher:
            for happening in watcher.watch():
                is_watching.set()
                heard.append(happening)
                if happening.kind == "tripwire" and happening.message == TRIED[-1]:
                    return

    with start(tripping, "record").client() as client:
        tripping.add_model("ok")
        thread = threading.Thread(target=watch)
        thread.start()
        while not is_watching.wait(0.02):
            client.complete("ok", "anything", max_tokens=1)
        list(client.load("early"))
        thread.join()
    told = [(one.model, one.message, one.reason) for one in heard if one.kind == "tripwire"]
    assert told == [("early", call, "record") for call in TRIED]


def test_people_see_trips(tripping: RunningDaemon, hob: CommandLine) -> None:
    with start(tripping, "record").client() as client:
        list(client.load("early"))
    said = hob("status").out
    assert "early tried socket 1x" in said and "(then: record)" in said
    assert "tripped the sandbox: socket 1" in hob("ps").out
    assert json.loads(hob("status", "--json").out)["trips"][0]["call"] == "socket"


def test_people_see_that_nothing_tripped(daemon: RunningDaemon, hob: CommandLine) -> None:
    daemon.start()
    assert "nothing tripped (then: record)" in hob("status").out


def test_workers_without_walls_have_no_tripwire(tripping: RunningDaemon, hob: CommandLine) -> None:
    tripping.start("--set", "security.sandbox=none")
    assert "off, since workers have no walls" in hob("status").out
