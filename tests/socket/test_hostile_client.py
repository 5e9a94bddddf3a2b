"""Proof (e): whatever clients do, the others go on being served."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import grpc
import h2.config
import h2.connection
import psutil
import pytest
from hob.v1 import daemon_pb2
from hob_client import Client

from tests.daemon import RunningDaemon, await_true
from tests.fakes.engine import expected_answer
from tests.proof.evidence import Evidence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GRPC_HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/hob.v1.ModelService/ListModels"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


pytestmark = pytest.mark.proof


@pytest.fixture
def serving(daemon: RunningDaemon) -> Iterator[tuple[RunningDaemon, Client]]:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        yield daemon, client


def assert_served(client: Client) -> None:
    answer = client.complete("ok", "hello", temperature=0, max_tokens=12)
    assert answer.text == expected_answer(b"hello", 12)


def dial(daemon: RunningDaemon) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(daemon.socket))
    return connection


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\0" * 100,
        PREFACE + SETTINGS + b"\0\0\1\0\0\0\0\0\0x",
        PREFACE + SETTINGS + b"\0\0\5\1\4\0\0\0\1\x3f\xff\xff\xff\xff",
    ],
    ids=["HTTP/1", "zeros", "data outside any stream", "headers that do not decode"],
)
def test_connection_that_talks_nonsense_is_closed(serving: tuple[RunningDaemon, Client], sent: bytes) -> None:
    daemon, client = serving
    with closing(dial(daemon)) as connection:
        connection.sendall(sent)
        while connection.recv(4096):
            pass
    assert_served(client)


def test_half_open_clients_keep_nobody_from_being_served(serving: tuple[RunningDaemon, Client]) -> None:
    daemon, client = serving
    stalled = [dial(daemon) for _ in range(50)]
    for index, connection in enumerate(stalled):
        connection.sendall((PREFACE + SETTINGS)[: index % 30])
    assert_served(client)
    for connection in stalled:
        connection.close()
    await_true(lambda: client.status().doors[0].num_connections == 1, "the stalled connections are gone")


def test_message_over_the_cap_is_refused_by_its_announced_size(
    serving: tuple[RunningDaemon, Client],
) -> None:
    daemon, client = serving
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = channel.unary_unary("/hob.v1.ModelService/ListModels")
        body = b"\x0a" * (65 << 20)
        with pytest.raises(grpc.RpcError) as caught:
            call(body, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the most that is taken" in caught.value.details()
    assert psutil.Process(daemon.pid).memory_info().rss < 200 << 20
    assert_served(client)


def test_message_that_does_not_decode_is_an_invalid_request(serving: tuple[RunningDaemon, Client]) -> None:
    daemon, client = serving
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/hob.v1.InferenceService/Tokenize")(
                struct.pack("<I", 0xFFFFFFFF), timeout=30
            )
    metadata = dict(caught.value.trailing_metadata())
    detail = daemon_pb2.ErrorDetail.FromString(metadata["hob-error-bin"])
    assert detail.code == daemon_pb2.ERROR_CODE_INVALID_REQUEST
    assert_served(client)


def test_client_that_vanishes_in_mid_stream_frees_what_it_held(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    with daemon.start().client() as client:
        other = daemon.client()
        events = other.generate("slow", "x", temperature=0, ignore_eos=True)
        next(event for event in events if event.text)
        other.close()
        await_true(lambda: client.status().num_sessions == 0, "the session is gone")
        await_true(lambda: client.status().residents[0].num_running == 0, "its lane is free")


def status_of_call(daemon: RunningDaemon, *headers: tuple[str, str]) -> str:
    """What a call with these headers ends with; they are sent as they are, unlike by any gRPC client."""
    said, wire = {}, h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    with closing(dial(daemon)) as connection:
        wire.initiate_connection()
        wire.send_headers(1, [*GRPC_HEADERS, *headers])
        connection.sendall(wire.data_to_send())
        while "grpc-status" not in said:
            for event in wire.receive_data(connection.recv(4096)):
                said |= dict(getattr(event, "headers", None) or ())
    return said["grpc-status"]


@pytest.mark.parametrize("timeout", ["0n", "0S", "1n", "1u"])
def test_call_whose_deadline_is_over_when_it_comes_is_told_so(daemon: RunningDaemon, timeout: str) -> None:
    daemon.start()
    deadline_exceeded = str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
    assert status_of_call(daemon, ("grpc-timeout", timeout)) == deadline_exceeded


def test_thousands_of_connections_are_borne(
    serving: tuple[RunningDaemon, Client], evidence: Evidence
) -> None:
    """As many as the system lets one process have; those beyond wait, and nobody who is in loses anything."""
    daemon, client = serving
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd: list[socket.socket] = []
    try:
        for _ in range(min(10_000, hard - 500)):
            crowd.append(connection := socket.socket(socket.AF_UNIX))
            connection.setblocking(False)
            if connection.connect_ex(str(daemon.socket)):
                assert_served(client)  # the queue is full; it is emptied meanwhile
        assert_served(client)
    finally:
        for connection in crowd:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    evidence.note("connections opened at once beside a client that was served", len(crowd))
    assert_served(client)


def test_reader_who_does_not_read_costs_bounded_memory(
    serving: tuple[RunningDaemon, Client], evidence: Evidence
) -> None:
    daemon, client = serving
    before = psutil.Process(daemon.pid).memory_info().rss
    sleepers = [dial(daemon) for _ in range(20)]
    for connection in sleepers:
        wire = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        wire.initiate_connection()
        for stream in range(1, 40, 2):
            wire.send_headers(stream, GRPC_HEADERS)
            wire.send_data(stream, b"\0\0\0\0\0", end_stream=True)
        connection.sendall(wire.data_to_send())
    assert_served(client)
    grown = psutil.Process(daemon.pid).memory_info().rss - before
    evidence.note("400 answers that nobody reads: bytes the daemon grew", grown)
    for connection in sleepers:
        connection.close()
    assert grown < 64 << 20
    assert_served(client)
