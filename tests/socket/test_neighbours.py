"""Proof (c): other users of the machine at doors of every mode get what those grant, and nothing else.

Must run as root, which alone can become somebody else; skipped where it does not. A neighbour is a process
of another uid that speaks HTTP/2 by itself, since he may not read our Python.
Run by pytest.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from hob.v1 import daemon_pb2, inference_pb2, models_pb2
from hob_client import Client
from hob_client.doors import DoorSettings, DoorTerms

from tests.daemon import RunningDaemon, await_true

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]
NEIGHBOUR, STRANGER, GROUP = 54321, 54322, 54323


@pytest.fixture
def place() -> Iterator[Path]:
    """Where neighbours can come by; pytest's own directories are private."""
    directory = Path(tempfile.mkdtemp(prefix="hob-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def owner(daemon: RunningDaemon) -> Iterator[Client]:
    daemon.add_model("granted")
    with daemon.start().client() as client:
        yield client


def as_user(uid: int, gid: int, act: Callable[[], bytes]) -> bytes:
    """What `act` returns in a child of that user and group; it has no rights of ours."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # a child that only talks needs none of our threads
        pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(writing, act())
        except OSError as error:
            os.write(writing, f"OSError {error.errno}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def call(path: Path, rpc: str, request: Any) -> bytes:
    """The code of the daemon's error, `OK`, or `gone` where it hangs up."""
    service = {"GetStatus": "Daemon", "ListModels": "Model", "Tokenize": "Inference"}[rpc]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        talk = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        talk.initiate_connection()
        talk.send_headers(
            1,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", f"/hob.v1.{service}Service/{rpc}"),
                (":authority", "localhost"),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            ],
        )
        body = request.SerializeToString()
        talk.send_data(1, b"\0" + len(body).to_bytes(4, "big") + body, end_stream=True)
        connection.sendall(talk.data_to_send())
        while data := connection.recv(65536):
            for event in talk.receive_data(data):
                headers = dict(getattr(event, "headers", None) or ())
                if status := headers.get(b"grpc-status"):
                    return b"OK" if status == b"0" else bytes(headers[b"grpc-message"])
            connection.sendall(talk.data_to_send())
    return b"gone"


def asked(path: Path, uid: int, gid: int = 60000, rpc: str = "ListModels", request: Any = None) -> str:
    message = request or models_pb2.ListModelsRequest()
    return as_user(uid, gid, lambda: call(path, rpc, message)).decode()


def open_for(owner: Client, place: Path, **settings: Any) -> Path:
    path = place / "ci" / "hob.sock"
    owner.doors.add(DoorSettings(name="ci", path=str(path), **settings))
    return path


def test_door_of_mode_0600_is_shut_by_the_file_system(owner: Client, place: Path) -> None:
    path = open_for(owner, place)
    assert asked(path, NEIGHBOUR) == "OSError 13"


def test_door_of_mode_0660_is_open_to_its_group_alone(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o660, group=str(GROUP), users=("*",))
    assert asked(path, NEIGHBOUR, GROUP) == "OK"
    assert asked(path, NEIGHBOUR) == "OSError 13"


def test_door_of_mode_0666_is_open_to_all_that_it_admits(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o666, users=("*",))
    assert [asked(path, uid) for uid in (NEIGHBOUR, STRANGER)] == ["OK", "OK"]


def test_who_is_not_named_is_hung_up_on_however_wide_the_mode(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o666, users=(str(NEIGHBOUR),))
    assert asked(path, NEIGHBOUR) == "OK"
    assert asked(path, STRANGER) in ("gone", "OSError 104", "OSError 32")


def test_owners_door_whose_modes_were_loosened_still_admits_no_other(
    owner: Client, daemon: RunningDaemon, place: Path
) -> None:
    loosened = place / "link.sock"
    os.link(daemon.socket, loosened)
    loosened.chmod(0o666)
    assert asked(loosened, NEIGHBOUR) in ("gone", "OSError 104", "OSError 32")
    assert owner.models()


def test_neighbour_gets_what_the_door_grants_and_no_more(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o666, users=("*",), terms=DoorTerms(models=("granted",)))
    request = inference_pb2.TokenizeRequest(model="granted", text="hi")
    assert asked(path, NEIGHBOUR, rpc="Tokenize", request=request) == "OK"
    told = asked(path, NEIGHBOUR, rpc="GetStatus", request=daemon_pb2.GetStatusRequest())
    assert told.startswith("door ci grants infer, and GetStatus needs observe")


def test_neighbour_can_neither_remove_nor_replace_the_door(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o666, users=("*",))

    def replace() -> bytes:
        os.unlink(path)
        return b"removed"

    assert as_user(NEIGHBOUR, 60000, replace) == b"OSError 13"
    assert asked(path, NEIGHBOUR) == "OK"


def test_neighbour_who_is_not_admitted_any_more_is_hung_up_on(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o666, users=("*",))
    config = Path(owner.status().doors[1].source).parent.parent / "config.toml"

    def connect_and_wait() -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            while connection.recv(65536):  # the settings of HTTP/2, then the end
                pass
        return b"hung up"

    neighbour = threading.Thread(target=lambda: said.append(as_user(NEIGHBOUR, 60000, connect_and_wait)))
    said: list[bytes] = []
    neighbour.start()
    await_true(lambda: owner.status().doors[1].num_connections == 1, "the neighbour is in")
    (config.parent / "doors.d/ci.toml").write_text(
        f'path = "{path}"\nmode = "0666"\n[users."{STRANGER}"]\n', "utf-8"
    )
    assert owner.doors.reload().doors_changed == ("ci",)
    neighbour.join(20)
    assert said == [b"hung up"]


def test_user_may_have_terms_of_his_own(owner: Client, place: Path) -> None:
    path = open_for(owner, place, mode=0o666, users=("*",))
    Path(owner.status().doors[1].source).write_text(
        f'path = "{path}"\nmode = "0666"\n[users."*"]\n[users.{NEIGHBOUR}]\noperations = ["observe"]\n'
    )
    owner.doors.reload()
    status = daemon_pb2.GetStatusRequest()
    assert asked(path, NEIGHBOUR, rpc="GetStatus", request=status) == "OK"
    assert asked(path, STRANGER, rpc="GetStatus", request=status).startswith("door ci grants infer")


def test_trial_as_a_neighbour_is_true(owner: Client, place: Path) -> None:
    open_for(owner, place, mode=0o666, users=(str(NEIGHBOUR),))
    assert owner.doors.test("ci", operation="infer", uid=NEIGHBOUR).allowed
    assert owner.doors.test("ci", operation="infer", uid=STRANGER).rule == "users"
