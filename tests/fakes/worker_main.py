"""A worker process without llama.cpp: the real hello, wire, intake, loop and renderer around FakeEngine.

The model file's first line scripts it: `ok`, `unusable`, `memory`; `segv-in-probe` dies unless degraded;
`segv-while-loading`; `silent` never says hello; `garbage`, `huge-frame` and `early-step` break the contract.
`leave-dying`, `leave-hanging` and `leave-lying` misbehave when they hand over what they computed.
`listens` has a TCP listener, `opens` a file, `shows` its memory; `boasts` says that all holds, `mute` says
nothing.
`trip` tries what no worker may when it loads, `trip-late` when it answers.
`attack-NAME` does what attacks.py has of that name when a prompt has a POISON in it.
`slow` takes its time; `poison` and `breach` too, and a prompt with a POISON in it kills them or makes them
break the contract.
Started by tests through PythonSpawner(module=(path of this file,)).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from hobd.sandbox import enter, hygiene, selftest
from hobd.wire import messages as m
from hobd.wire.framing import encode
from hobd.worker.bell import Bell
from hobd.worker.darkroom import start_darkroom
from hobd.worker.embedder import Span
from hobd.worker.engine import Settings, Slice
from hobd.worker.serve import serve
from hobd.worker.template import start_renderer

from tests.fakes.attacks import attack
from tests.fakes.engine import POISON, FakeEngine, load_fake


def load_scripted(model_fd: int, settings: Settings, progress: Callable[[float], None]) -> FakeEngine:
    behaviour = script(model_fd)
    if behaviour == "segv-while-loading":
        signal.raise_signal(signal.SIGSEGV)
    engine = load_fake(model_fd, settings, progress)
    if behaviour == "segv-in-probe" and not settings.degraded:
        engine.in_decode = lambda slices: signal.raise_signal(signal.SIGSEGV)
    if behaviour in BREACHES:
        BREACHES[behaviour]()
    if behaviour == "trip":
        trip()
    if behaviour == "trip-late":
        engine.in_decode = lambda slices: trip() if len(slices[0].tokens) > 1 else None  # no probe
    if behaviour == "slow":
        engine.in_decode = engine.embedder.in_compute = slow_down
    if behaviour.startswith("leave-"):
        engine.stow = lambda lane, into=None: leave(behaviour)  # type: ignore[method-assign]
    if behaviour in ("poison", "breach") or behaviour.startswith("attack-"):
        engine.in_decode = lambda slices: swallow(slices, behaviour)
    return engine


def listen() -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.detach()


def show_memory() -> None:
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE


def boast() -> None:
    names = (*selftest.WORKER, *selftest.STATE)
    told = [selftest.Finding(name, True, "of course") for name in names]
    selftest.run = lambda *asked: told  # type: ignore[assignment]


def say_nothing() -> None:
    selftest.run = lambda *asked: []  # type: ignore[assignment]


BREACHES: dict[str, Callable[[], object]] = {
    "listens": listen,
    "opens": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "shows": show_memory,
    "boasts": boast,
    "mute": say_nothing,
}


def trip() -> None:
    """What code that a file brought along would try first."""
    attempts = (
        lambda: socket.socket(socket.AF_INET),
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: os.kill(os.getppid(), signal.SIGKILL),
    )
    for attempt in attempts:
        with contextlib.suppress(OSError):
            attempt()
            raise AssertionError("it was let")


def slow_down(work: Sequence[Slice] | Sequence[Span]) -> None:
    time.sleep(0.02)


def leave(behaviour: str) -> NoReturn:
    """What there is to keep is stowed when the worker has been told to go."""
    if behaviour == "leave-dying":
        signal.raise_signal(signal.SIGSEGV)
    if behaviour == "leave-lying":
        lie = encode(m.Kept(1 << 39, 1 << 20, 20, "owner:"))
        os.write(int(sys.argv[sys.argv.index("--wire-fd") + 1]), lie)
    time.sleep(30)
    raise AssertionError("nobody ended it")


def swallow(slices: Sequence[Slice], behaviour: str) -> None:
    slow_down(slices)
    if any(ord(POISON) in piece.tokens for piece in slices):
        if behaviour == "poison":
            signal.raise_signal(signal.SIGSEGV)
        if behaviour.startswith("attack-"):
            attack(behaviour.removeprefix("attack-"), int(sys.argv[sys.argv.index("--wire-fd") + 1]))
        os.write(int(sys.argv[sys.argv.index("--wire-fd") + 1]), struct.pack("<I", 5) + b"\xc1junk")
        time.sleep(30)


def script(model_fd: int) -> str:
    return os.pread(model_fd, 64, 0).split(b"\n")[0].decode()


def misbehave(sock: socket.socket, behaviour: str) -> None:
    if behaviour == "garbage":
        sock.sendall(struct.pack("<I", 5) + b"\xc1junk")
    elif behaviour == "huge-frame":
        sock.sendall(struct.pack("<I", m.MAX_FRAME_TO_BROKER_BYTES + 1))
    elif behaviour == "early-step":
        sock.sendall(encode(m.Step([], [], [], m.Tally())))
    time.sleep(30)


def main(argv: list[str]) -> None:
    arguments = dict(zip(argv[::2], argv[1::2], strict=True))
    hygiene.die_with_parent(int(arguments["--parent"]))
    confinement, bell = enter.UNCONFINED, None
    if arguments["--sandbox"] != "none":
        confinement = enter.enter_worker()
        bell = Bell(socket.socket(fileno=int(arguments["--bell-fd"])), confinement)
    renderer = start_renderer(bell)
    sock = socket.socket(fileno=int(arguments["--wire-fd"]))

    def load(model_fd: int, settings: Settings, progress: Callable[[float], None]) -> FakeEngine:
        if script(model_fd) in ("garbage", "huge-frame", "early-step", "silent"):
            misbehave(sock, script(model_fd))
        return load_scripted(model_fd, settings, progress)

    serve(
        sock,
        load=load,
        renderer=renderer,
        darkroom=start_darkroom(bell),
        bell=bell,
        foresee=lambda has_projector: True,
        engine_build="fake engine 1",
        confinement=confinement,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
