"""Rough traffic: loads, stops, kills, standstills, cancels, keep-alives, over three models with room for two.

Must end with nothing left: no process, lease, descriptor or byte of the ledger. A seed gives each client its
calls; when they meet is the machine's. Called by __main__.py and test_soak.py.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
from hob_client import Client, errors

from tests.daemon import RunningDaemon, await_true
from tests.tiny_model import write_tiny_model

MODELS = ("a", "b", "c")
_NUM_CLIENTS = 5
# As these models are estimated: two fit, three do not.
_BUDGET_BYTES = 150 << 20
_SETTINGS = (
    "engine.step_timeout_seconds=3",
    "engine.load_timeout_seconds=6",  # some stand still while they load
    "models.room_wait_seconds=10",
    "models.idle_ttl_seconds=5",
)
# No call may take longer than this: it is answered or refused.
_PATIENCE_SECONDS = 60
# What malloc keeps without ever getting more.
_MAX_GROWTH_BYTES = 24 << 20
#: Refusals that say what to do. Anything else that a call ends with is a fault.
CLEAR = (errors.Busy, errors.WorkerCrashed, errors.ModelUnusable)


class Soak:
    """`run` it once; `ends` counts how calls ended."""

    def __init__(self, home: Path, *, seed: int) -> None:
        self.ends: Counter[str] = Counter()
        self.last_words = ""  # of the daemon's log
        self._seed = seed
        self._faults: list[str] = []
        self._daemon = RunningDaemon(home, fake_workers=False)
        self._daemon.budget_bytes = _BUDGET_BYTES
        for model in MODELS:
            write_tiny_model(self._daemon.models / f"{model}.gguf", context=256)

    def run(self, seconds: float) -> list[str]:
        """What was wrong; empty if nothing was."""
        settings = [word for setting in _SETTINGS for word in ("--set", setting)]
        self._daemon.start(*settings)
        try:
            with self._daemon.client() as client:
                self._warm_up(client)
                before = self._size(client)
                self._traffic(time.monotonic() + seconds)
                self._stop_all(client)
                self._look_for_leftovers(client, before)
        except errors.HobError as error:  # such as that there is no daemon any more: its last words say why
            self._faults.append(f"afterwards: {error}")
        finally:
            self._daemon.stop()
            self.last_words = "\n".join(self._daemon.log.splitlines()[-40:])
        return self._faults

    def _warm_up(self, client: Client) -> None:
        """Everything that is made once is made before anything is counted."""
        for model in MODELS:
            client.complete(model, "x", max_tokens=2)
        self._stop_all(client)

    # ------------------------------------------------------------------ traffic

    def _traffic(self, until: float) -> None:
        threads = [threading.Thread(target=self._be_a_client, args=(n, until)) for n in range(_NUM_CLIENTS)]
        threads.append(threading.Thread(target=self._be_a_vandal, args=(until - 2,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(until - time.monotonic() + _PATIENCE_SECONDS)
            if thread.is_alive():
                self._faults.append(f"{thread.name} still waits for its call")

    def _be_a_client(self, number: int, until: float) -> None:
        rng = random.Random(f"{self._seed}:{number}")
        calls: list[Callable[[Client, random.Random], str]] = [_ask] * 8 + [
            _leave,
            _leave,
            _load,
            _stop,
            _pin,
        ]
        with self._daemon.client() as client:
            while time.monotonic() < until:
                self._call(rng.choice(calls), client, rng)

    def _call(self, call: Callable[[Client, random.Random], str], client: Client, rng: random.Random) -> None:
        began = time.monotonic()
        try:
            end = call(client, rng)
        except CLEAR as error:
            end = type(error).__name__
        except Exception as error:
            end = "fault"
            self._faults.append(f"{call.__name__.strip('_')} ended with {type(error).__name__}: {error}")
        self.ends[end] += 1
        if (took := time.monotonic() - began) > _PATIENCE_SECONDS:
            self._faults.append(f"{call.__name__.strip('_')} took {took:.0f} s")

    def _be_a_vandal(self, until: float) -> None:
        """Kills workers, and makes others stand still."""
        rng = random.Random(f"{self._seed}:vandal")
        while time.monotonic() < until:
            time.sleep(rng.uniform(0.2, 2.5))
            workers = psutil.Process(self._daemon.pid).children()
            if workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    rng.choice(workers).send_signal(rng.choice((signal.SIGKILL, signal.SIGSTOP)))

    # ------------------------------------------------------------------ afterwards

    def _stop_all(self, client: Client) -> None:
        for model in MODELS:
            client.pin(model, False)
            client.unload(model, force=True)

    def _look_for_leftovers(self, client: Client, before: tuple[int, int]) -> None:
        daemon = psutil.Process(self._daemon.pid)
        try:
            await_true(lambda: not daemon.children(), "no process is left", 20)
            await_true(lambda: client.status().num_sessions == 0, "no session is left", 20)
        except AssertionError as error:
            self._faults.append(str(error))
        status = client.status()
        if status.residents or status.waiting or status.loading_models:
            self._faults.append(f"left: {status.residents} {status.waiting} {status.loading_models}")
        self._faults += [f"the ledger holds {m}" for m in status.memory if m.free_bytes != m.budget_bytes]
        num_fds, num_bytes = self._size(client)
        if num_fds > before[0]:
            self._faults.append(f"{num_fds} descriptors, {before[0]} before: {self._descriptors()}")
        if num_bytes - before[1] > _MAX_GROWTH_BYTES:
            self._faults.append(f"the daemon grew by {(num_bytes - before[1]) >> 20} MiB")

    def _size(self, client: Client) -> tuple[int, int]:
        """Descriptors and bytes of the daemon. Connections do not count: gRPC ends them when it likes."""
        num_connections = sum(door.num_connections for door in client.status().doors)
        num_bytes = psutil.Process(self._daemon.pid).memory_info().rss
        return len(self._descriptors()) - num_connections, num_bytes

    def _descriptors(self) -> list[str]:
        found = []
        for link in Path(f"/proc/{self._daemon.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                found.append(str(link.readlink()))
        return sorted(found)


# ------------------------------------------------------------------ calls


def _ask(client: Client, rng: random.Random) -> str:
    wishes: dict[str, object] = {"max_tokens": rng.randint(1, 40), "ignore_eos": True}
    if rng.random() < 0.2:
        wishes["keep_alive_seconds"] = rng.choice((0, 1, 30))
    if rng.random() < 0.2:
        wishes["max_total_ms"] = rng.choice((1, 300, 5000))
    answer = client.complete(rng.choice(MODELS), "the rain " * rng.randint(1, 20), **wishes)  # type: ignore[arg-type]
    return answer.finish_reason


def _leave(client: Client, rng: random.Random) -> str:
    """Asks and goes away before the answer is whole."""
    with closing(client.generate(rng.choice(MODELS), "x", max_tokens=60, ignore_eos=True)) as events:
        for _, _event in zip(range(rng.randint(1, 6)), events, strict=False):
            pass
    return "left"


def _load(client: Client, rng: random.Random) -> str:
    list(client.load(rng.choice(MODELS), keep_alive_seconds=rng.choice((0, 1, 20))))
    return "loaded"


def _stop(client: Client, rng: random.Random) -> str:
    client.unload(rng.choice(MODELS), force=rng.random() < 0.5)
    return "stopped"


def _pin(client: Client, rng: random.Random) -> str:
    model = rng.choice(MODELS)
    client.pin(model)
    time.sleep(rng.random())
    client.pin(model, False)
    return "pinned"
