"""A worker alone, with the test as its broker: what it is born with, and how it ends."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil
import pytest
from hobd.wire import messages as m
from hobd.wire.framing import FrameReader, encode

FAKE = str(Path(__file__).parents[1] / "fakes" / "worker_main.py")
LOAD = m.Load(context_tokens=64, num_lanes=2, batch_tokens=32, num_threads=1, kv_cells=0, degraded="")


class Born:
    """A worker process and our end of its wire."""

    def __init__(self, model: Path, *program: str) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(20)
        self.bell, their_bell = socket.socketpair()
        self._model = model
        with theirs, their_bell:
            wire, bell = theirs.fileno(), their_bell.fileno()
            command = [sys.executable, "-I", *program, "--wire-fd", str(wire), "--bell-fd", str(bell)]
            command += ["--parent", str(os.getpid()), "--sandbox", "enforce"]
            self.process = subprocess.Popen(command, pass_fds=(wire, bell), stderr=subprocess.PIPE, cwd="/")
        self._reader = FrameReader(of_worker=True)
        self._heard: list[m.Message] = []

    def load(self, *messages: m.Message, order: m.Load = LOAD, fds: Sequence[int] = ()) -> None:
        """Says Load with the model's descriptor, and `messages` after it."""
        with self._model.open("rb") as file:
            socket.send_fds(self.sock, [encode(order)], [file.fileno(), *fds])
        self.say(*messages)

    def say(self, *messages: m.Message) -> None:
        self.sock.sendall(b"".join(encode(message) for message in messages))

    def hear(self, kind: type[m.Message]) -> m.Message:
        """The next message of a kind; those before it are let go."""
        while True:
            while self._heard:
                if isinstance(message := self._heard.pop(0), kind):
                    return message
            data = self.sock.recv(1 << 16)
            if not data:
                break
            self._heard += self._reader.feed(data)
        raise AssertionError(f"the worker left without a {kind.__name__}")

    def end(self) -> None:
        self.sock.close()
        self.bell.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def born(tmp_path: Path) -> Iterator[Born]:
    model = tmp_path / "model"
    model.write_text("ok\n")
    worker = Born(model, FAKE)
    yield worker
    worker.end()


@pytest.fixture
def really_born(tiny_model: Path) -> Iterator[Born]:
    worker = Born(tiny_model, "-m", "hobd.worker")
    yield worker
    worker.end()


def submit(id: int, text: str, max_tokens: int | None = 3, domain: str = "") -> m.Submit:
    greedy, limits = m.Sampling(temperature=0), m.Limits(max_tokens=max_tokens, ignore_eos=True)
    return m.Submit(id, m.TextPrompt(text, False), greedy, limits, 0, "", domain=domain)


def test_worker_says_how_it_is_confined_before_it_reads_the_model(born: Born) -> None:
    hello = born.hear(m.Hello)
    assert isinstance(hello, m.Hello) and "no-network" in hello.sandbox and "no-exec" in hello.sandbox


def test_loaded_worker_holds_nothing_but_its_wire(really_born: Born) -> None:
    really_born.load()
    really_born.hear(m.Ready)
    process = psutil.Process(really_born.process.pid)
    sockets = [link for link in fd_targets(process.pid) if link.startswith("socket:")]
    files = [
        link for link in fd_targets(process.pid) if link.startswith("/") and not link.startswith("/dev/null")
    ]
    assert files == []
    assert len(sockets) == 2  # the wire, and the one to the renderer's processes


def fd_targets(pid: int) -> list[str]:
    return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if int(entry.name) > 2]


@pytest.mark.parametrize("descriptors", [(), ("draft",), ("model", "draft"), ("model", "adapter", "tray")])
def test_worker_takes_no_load_whose_files_are_not_those_announced(
    born: Born, descriptors: tuple[m.Purpose, ...]
) -> None:
    born.load(order=msgspec.structs.replace(LOAD, descriptors=descriptors))
    assert born.process.wait(10) != 0


def test_worker_that_was_given_nothing_holds_nothing_but_its_wire(born: Born) -> None:
    born.hear(m.Hello)
    links = fd_targets(born.process.pid)
    assert not [link for link in links if link.startswith("/") and not link.startswith("/dev/null")]


def test_worker_lays_what_it_computed_into_the_tray_when_it_is_stopped(born: Born) -> None:
    tray = os.memfd_create("tray")
    os.ftruncate(tray, 1 << 20)
    order = msgspec.structs.replace(LOAD, descriptors=("model", "tray"), stash_bytes=1 << 20)
    born.load(submit(1, "the rain on the hills", domain="a:"), order=order, fds=[tray])
    while not born.hear(m.Step).ends:  # type: ignore[attr-defined]
        pass
    born.say(m.Stop(keep_ms=1000))
    kept = born.hear(m.Kept)
    assert isinstance(kept, m.Kept) and (kept.num_tokens, kept.domain) == (23, "a:")
    assert os.pread(tray, 8, kept.offset) == struct.pack("<Ii", 23, ord("t"))
    os.close(tray)


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("<I", 3) + b"\xc1ab",
        struct.pack("<I", m.MAX_FRAME_TO_WORKER_BYTES + 1),
        encode(m.Probing()),
    ],
    ids=["no msgpack", "over the cap", "a message of the other direction"],
)
def test_worker_leaves_when_its_broker_talks_nonsense(born: Born, frame: bytes) -> None:
    born.load()
    born.hear(m.Ready)
    born.sock.sendall(frame)
    assert born.process.wait(10) is not None


def test_worker_and_its_renderer_leave_when_the_broker_does(born: Born) -> None:
    born.load()
    born.hear(m.Ready)
    family = [psutil.Process(born.process.pid), *psutil.Process(born.process.pid).children(recursive=True)]
    born.sock.close()
    assert born.process.wait(10) == 0
    _, alive = psutil.wait_procs(family[1:], 5)
    assert len(family) > 1 and not alive


def test_stop_ends_a_worker_in_mid_answer(born: Born) -> None:
    born.load(submit(1, "hello", max_tokens=None))
    born.hear(m.Step)
    born.say(m.Stop())
    assert born.process.wait(10) == 0


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (submit(1, ""), "InvalidRequest"),
        (submit(1, "x" * 100), "PromptTooLong"),
        (m.Submit(1, m.TokensPrompt([999]), m.Sampling(), m.Limits(), 0, ""), "InvalidRequest"),
        (m.Detokenize(1, [999]), "InvalidRequest"),
    ],
    ids=["empty", "too long", "no such token", "no such token to read"],
)
def test_request_that_cannot_be_is_refused_alone(born: Born, request_: m.Message, error: str) -> None:
    born.load()
    born.hear(m.Ready)
    born.say(request_)
    refused = born.hear(m.Refused)
    assert isinstance(refused, m.Refused) and (refused.id, refused.error) == (1, error)
    born.say(submit(2, "hello"))
    step = born.hear(m.Step)
    assert isinstance(step, m.Step) and step.begun == [2]
