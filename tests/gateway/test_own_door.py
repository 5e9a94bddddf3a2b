"""The gateway's own door: it is made once, infers, and lets nobody manage who was not meant to."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hob_client.doors import DoorSettings, DoorTerms

from tests.daemon import RunningDaemon
from tests.running_gateway import RunningGateway

ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "stream": False}


@pytest.fixture
def house(daemon: RunningDaemon, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway that is not yet started, of the user whose daemon runs."""
    daemon.add_model("tiny")
    daemon.start()
    gateway = RunningGateway(tmp_path / "gateway", daemon.socket)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, RunningDaemon]]:
    home = tmp_path_factory.mktemp("served")
    daemon = RunningDaemon(home / "daemon", fake_workers=True)
    daemon.add_model("tiny")
    gateway = RunningGateway(home / "gateway", daemon.start().socket).start(door="")
    yield gateway, daemon
    gateway.stop()
    daemon.stop()


@pytest.fixture
def served(_served: tuple[RunningGateway, RunningDaemon]) -> RunningGateway:
    """A gateway at its own door."""
    return _served[0]


@pytest.fixture
def owned(_served: tuple[RunningGateway, RunningDaemon]) -> RunningDaemon:
    """The daemon behind it."""
    return _served[1]


def manager(gateway: RunningGateway) -> httpx.Client:
    secret = gateway.add_token(f"manager-{secrets.token_hex(4)}", "--scope", "manage")
    return gateway.http(authorization=f"Bearer {secret}")


def test_gateway_opens_a_door_that_infers_only(served: RunningGateway, owned: RunningDaemon) -> None:
    with served.http() as http, owned.client() as owner:
        assert http.post("/v1/chat/completions", json=ASKED).status_code == 200
        (opened,) = [door for door in owner.doors.list() if door.door.name == "gateway"]
    assert (opened.door.grants, opened.door.mode, opened.door.users) == ("infer, all models", 0o600, ())
    assert json.loads(served.command("gateway", "status", "--json").stdout)["socket"] == opened.door.path


def test_door_is_found_again(house: RunningGateway, daemon: RunningDaemon) -> None:
    house.start(door="").stop()
    house.start(door="")
    with house.http() as http, daemon.client() as owner:
        assert http.get("/v1/models").status_code == 200
        assert len(owner.doors.list()) == 2


def test_token_that_may_manage_cannot_at_that_door(served: RunningGateway, owned: RunningDaemon) -> None:
    with manager(served) as http:
        assert http.post("/v1/chat/completions", json=ASKED).status_code == 200
        told = http.post("/api/generate", json={"model": "tiny", "keep_alive": 0})
        assert (told.status_code, "door gateway grants infer" in told.json()["error"]) == (403, True)
    with owned.client() as owner:
        assert owner.status().residents[0].model == "tiny"


def test_door_that_manages_has_to_be_named(house: RunningGateway, daemon: RunningDaemon) -> None:
    with daemon.client() as owner:
        owner.doors.add(DoorSettings(name="gateway", terms=DoorTerms(operations=("infer", "manage"))))
    told = house.command("gateway", "run", "--listen", "127.0.0.1:0")
    assert told.returncode == 9 and "say --door gateway" in told.stderr
    house.start(door="gateway")
    assert "to whoever takes over the gateway" in house.log


def test_named_door_that_manages_lets_a_model_go(house: RunningGateway, daemon: RunningDaemon) -> None:
    with daemon.client() as owner:
        owner.doors.add(DoorSettings(name="boss", terms=DoorTerms(operations=("infer", "manage"))))
    with manager(house.start(door="boss")) as http:
        assert http.post("/v1/chat/completions", json=ASKED).status_code == 200
        assert http.post("/api/generate", json={"model": "tiny", "keep_alive": 0}).status_code == 200


def test_ollamas_clients_find_their_way_without_leave_to_look(served: RunningGateway) -> None:
    with served.http() as http:
        warmed = http.post("/api/generate", json={"model": "tiny", "keep_alive": "5m"})
        assert warmed.json()["done_reason"] == "load"
        assert [model["name"] for model in http.get("/api/ps").json()["models"]] == ["tiny"]
        assert http.get("/api/version").json()["version"]


def test_owners_door_is_served_only_when_it_is_named_and_says_so(house: RunningGateway) -> None:
    house.start()
    assert "door owner grants everything" in house.log


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--door", "nowhere"], "there are owner"),
        (["--socket", "/x", "run", "--door", "a"], "leave one out"),
    ],
    ids=["no such door", "two doors"],
)
def test_door_that_is_not_there_is_one_sentence(
    house: RunningGateway, arguments: list[str], words: str
) -> None:
    told = house.command("gateway", *arguments)
    assert told.returncode == 4 and words in told.stderr and told.stderr.count("\n") == 1


def test_page_says_what_the_door_withholds(served: RunningGateway) -> None:
    with manager(served) as http:
        assert http.post("/v1/chat/completions", json=ASKED).status_code == 200
        told = http.get("/hob/status").json()
        assert told["residents"] == [{"model": "tiny", "residency": "ready"}] and told["memory"] == []
        withheld = [http.get(f"/hob/{what}").json()["withheld"] for what in ("status", "wires", "attest")]
    assert all("door gateway grants infer" in words for words in withheld)


def test_door_that_the_environment_names_is_meant(owned: RunningDaemon, tmp_path: Path) -> None:
    with owned.client() as owner:
        path = owner.doors.add(DoorSettings(name="ci", terms=DoorTerms(max_tokens=4))).door.door.path
    gateway = RunningGateway(tmp_path / "home", Path(path)).start(door="")
    try:
        with gateway.http() as http:
            assert http.get("/v1/models").status_code == 200
        assert json.loads(gateway.command("gateway", "status", "--json").stdout)["socket"] == path
    finally:
        gateway.stop()
