"""What watchers are told of requests: that they begin and end, how, under which name; never what was said."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest
from hob_client import Client
from hob_client.errors import HobError
from hob_client.states import Happening

from tests.daemon import RunningDaemon


@pytest.fixture
def client(daemon: RunningDaemon) -> Iterator[Client]:
    daemon.add_model("model")
    with daemon.start().client() as client:
        yield client


def events_of(client: Client, daemon: RunningDaemon, name: str, **parameters: object) -> list[Happening]:
    """The events of one request, which may fail."""
    told: list[Happening] = []
    is_watching = threading.Event()

    def watch() -> None:
        with daemon.client() as watcher:
            for event in watcher.watch():
                is_watching.set()
                told.append(event)
                if event.kind == "request_ended" and event.client_request_id == name:
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    while not is_watching.wait(0.02):
        client.complete("model", "anything", max_tokens=1)
    with contextlib.suppress(HobError):
        client.complete("model", "secret words", client_request_id=name, **parameters)  # type: ignore[arg-type]
    thread.join()
    return [event for event in told if event.client_request_id == name]


def test_a_request_begins_and_ends_under_the_name_that_it_gave(client: Client, daemon: RunningDaemon) -> None:
    begun, ended = events_of(client, daemon, "mine", max_tokens=2)
    assert (begun.kind, ended.kind) == ("request_begun", "request_ended")
    assert begun.request_id == ended.request_id and begun.model == "model"
    assert ended.message == "max_tokens"
    assert "secret" not in f"{begun}{ended}"


def test_a_refused_request_ends_with_the_kind_of_its_error(client: Client, daemon: RunningDaemon) -> None:
    *_, ended = events_of(client, daemon, "odd", logit_bias={1_000_000: 1.0})
    assert ended.message == "InvalidRequest"


def test_the_receipt_has_the_name_too(client: Client) -> None:
    assert client.complete("model", "hello", client_request_id="mine").receipt.client_request_id == "mine"
