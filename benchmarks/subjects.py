"""hob and llama-server behind the same verbs, so that one workload measures both.

Must meet each as its users do: hob through its door, llama-server over loopback.
Called by benchmarks/goals.py.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
from hob_client import Client

from benchmarks import peer, stack


class Subject(Protocol):
    name: str

    def stream(
        self, prompt: str, num_tokens: int, *, urgency: str = "normal", is_fresh: bool = False
    ) -> dict[str, Any]:
        """One greedy answer: first_token_s, decode_tokens_per_s, text. `is_fresh`: with nothing cached."""

    def begin_and_leave(self, prompt: str, after_s: float) -> None:
        """Asks and goes away again while the prompt is being computed."""

    @property
    def pid(self) -> int:
        """The process that computes."""


class Hob:
    """A daemon of the benchmark's own; urgency becomes a priority class."""

    name = "hob"

    def __init__(self, client: Client) -> None:
        self._client = client

    def stream(
        self, prompt: str, num_tokens: int, *, urgency: str = "normal", is_fresh: bool = False
    ) -> dict[str, Any]:
        return stack.stream(self._client, prompt, num_tokens, priority_class=urgency, incognito=is_fresh)

    def begin_and_leave(self, prompt: str, after_s: float) -> None:
        events = self._client.generate(stack.MODEL, prompt, temperature=0, max_tokens=1)
        begun = next(iter(events))
        assert begun is not None
        time.sleep(after_s)
        events.close()

    @property
    def pid(self) -> int:
        return self._client.status().residents[0].worker_pid


class Server:
    """llama-server knows no urgency."""

    name = "llama-server"

    def __init__(self, server: peer.LlamaServer) -> None:
        self._server = server
        self.pid = server.pid

    def stream(
        self, prompt: str, num_tokens: int, *, urgency: str = "normal", is_fresh: bool = False
    ) -> dict[str, Any]:
        return self._server.stream(prompt, num_tokens)

    def begin_and_leave(self, prompt: str, after_s: float) -> None:
        self._server.begin_and_leave(prompt, after_s)


@contextmanager
def both(tools: Path, model: Path, num_streams: int) -> Iterator[tuple[Hob, Server]]:
    """The two, each with the model in memory and warm. The one that is not asked sleeps."""
    with tempfile.TemporaryDirectory() as directory:
        daemon = stack.Daemon(Path(directory), model)
        options = ("-np", str(num_streams), "-c", str(num_streams * 2048))
        with (
            daemon.running("--load", stack.MODEL),
            daemon.client() as client,
            peer.running(tools, model, *options) as server,
        ):
            subjects = Hob(client), Server(server)
            for subject in subjects:
                subject.stream("warm up", 4)
            yield subjects


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def busy_for(pid: int, *, quiet_s: float = 0.5) -> float:
    """Seconds until the process stops computing: until it used no processor time for a while."""
    process = psutil.Process(pid)
    began = last = time.perf_counter()
    used = sum(process.cpu_times()[:2])
    while (now := time.perf_counter()) - last < quiet_s:
        time.sleep(0.01)
        before, used = used, sum(process.cpu_times()[:2])
        if used - before > 0.005:  # a tick of the kernel's clock is 0.01
            last = now
    return last - began
