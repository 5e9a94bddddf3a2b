"""What hob costs over the engine itself: the stack against the raw loop in one run, alternating.

Called by benchmarks/__main__.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hob_client import Client
from rich.progress import track

from benchmarks import stack
from benchmarks.raw_loop import prompts
from benchmarks.report import Row

HERE = Path(__file__).parent
NUM_TOKENS, NUM_STREAMS, STREAM_TOKENS = 128, 16, 48
# How often each first token is timed, and for how long nothing happens before: caches and clocks cool down.
NUM_FIRSTS, PAUSE_S = 15, 0.1
LOOP = "raw llama_decode loop"


def measure(model: Path, repeats: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        daemon = stack.Daemon(Path(directory), model)
        with daemon.running("--load", stack.MODEL) as process, daemon.client() as client:
            stack.stream(client, "warm up", 4)
            num_threads = client.status().residents[0].num_threads
            rows = _warm(client, model, repeats, num_threads)
            rest = stack.at_rest(process)
            rows += [
                _alone("E7", "idle broker, resident", "MB", "<= 60", rest["broker_resident_mb"]),
                _alone("E7", "idle broker, wake-ups in 10 s", "", "<= 0", rest["wakeups"]),
            ]
            seconds = [stack.command_seconds(daemon, "--no-start", "ps") for _ in range(repeats)]
            rows.append(_alone("", "`hob ps`, whole command", "s", "", *seconds))
        cold = _alternate(
            repeats,
            "cold start",
            lambda: stack.cold_run(daemon, prompts(1)[0]),
            lambda: _whole_process(model, num_threads),
        )
    rows.append(_compared("", "cold: typing to first token", "s", "<= 1.30", cold))
    return rows


def doors() -> list[Row]:
    """grpclib's server against grpcio's, both called by grpcio over a Unix socket."""
    ours, theirs = (
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.doors", library], check=True, capture_output=True
            ).stdout
        )
        for library in ("grpclib", "grpcio")
    )
    return [
        Row(
            goal="",
            what=f"server of the doors: {key.replace('_', ' ')}",
            unit="",
            against="grpcio",
            hob=[ours[key]],
            other=[theirs[key]],
        )
        for key in ours
    ]


def _warm(client: Client, model: Path, repeats: int, num_threads: int) -> list[Row]:
    one, many = prompts(1)[0], prompts(NUM_STREAMS)
    single: list[dict[str, Any]] = []
    alone: list[dict[str, Any]] = []
    _alternate(
        repeats,
        "one stream",
        lambda: single.append(stack.stream(client, one, NUM_TOKENS, incognito=True)) or 0.0,
        lambda: alone.append(_raw(model, 1, NUM_TOKENS, num_threads)) or 0.0,
    )
    sixteen = _alternate(
        repeats,
        "16 streams",
        lambda: stack.streams(client, many, STREAM_TOKENS)["tokens_per_s"],
        lambda: _raw(model, NUM_STREAMS, STREAM_TOKENS, num_threads)["tokens_per_s"],
    )

    rates = [[figures["decode_tokens_per_s"] for figures in side] for side in (single, alone)]
    firsts = _first_tokens(client, one, model, NUM_FIRSTS * repeats, num_threads)
    added = [1000 * (ours - theirs) for ours, theirs in zip(*firsts, strict=True)]
    return [
        _compared("", "one stream, decode", "tok/s", ">= 0.90", (rates[0], rates[1])),
        _compared("", "16 streams, whole", "tok/s", ">= 0.90", sixteen),
        _compared("", "warm time to first token", "s", "<= 1.15", firsts),
        _alone("E7", "added to the first token", "ms", "<= 3", *added),
    ]


def _first_tokens(
    client: Client, prompt: str, model: Path, times: int, num_threads: int
) -> tuple[list[float], list[float]]:
    """Seconds, ours and the loop's, each after a pause; the loop's process sleeps while it is our turn."""
    command = [sys.executable, str(HERE / "raw_loop.py"), str(model), "1", "0", str(num_threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as loop:
        assert loop.stdin is not None and loop.stdout is not None

        def ours() -> float:
            time.sleep(PAUSE_S)
            return float(stack.stream(client, prompt, 2, incognito=True)["first_token_s"])

        def theirs() -> float:
            time.sleep(PAUSE_S)
            print(file=loop.stdin, flush=True)
            return float(loop.stdout.readline())

        ours(), theirs()  # both have the model in memory now
        firsts = _alternate(times, "first tokens", ours, theirs)
        loop.stdin.close()
    return firsts


def _compared(goal: str, what: str, unit: str, wanted: str, figures: tuple[list[float], list[float]]) -> Row:
    ours, theirs = figures
    return Row(goal=goal, what=what, unit=unit, wanted=wanted, against=LOOP, hob=ours, other=theirs)


def _alone(goal: str, what: str, unit: str, wanted: str, *figures: float) -> Row:
    return Row(goal=goal, what=what, unit=unit, wanted=wanted, hob=list(figures))


def _raw(model: Path, num_streams: int, num_tokens: int, num_threads: int) -> dict[str, Any]:
    """The yardstick, in a process of its own."""
    numbers = map(str, (num_streams, num_tokens, num_threads))
    command = [sys.executable, str(HERE / "raw_loop.py"), str(model), *numbers]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return told


def _alternate(
    repeats: int, what: str, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """One of each, in turn: the machine's moods hit both."""
    pairs = [(ours(), theirs()) for _ in track(range(repeats), description=what)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _whole_process(model: Path, num_threads: int) -> float:
    """A bare script that loads the model and decodes one token: its whole wall, interpreter included."""
    began = time.perf_counter()
    _raw(model, 1, 1, num_threads)
    return time.perf_counter() - began
