"""The engine's goals against llama-server and llama.cpp's own benchmarks: E1 to E5, E8 and E9.

Must alternate the two in one run. Peers are built by scripts/peer. Called by benchmarks/__main__.py.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.progress import track

from benchmarks import limits
from benchmarks.raw_loop import prompts
from benchmarks.report import Row
from benchmarks.subjects import Hob, Server, Subject, both, busy_for, kill

NUM_STREAMS = 16
PREFIX = "The committee met again to discuss the harvest, the roads, the bridge and the price of grain. " * 75
SERVER = Server.name
SPIN = "while True: pass"
# Tokens of one of raw_loop.prompts, as llama-batched-bench wants to be told.
PROMPT_TOKENS = 13


def measure(tools: Path, model: Path, repeats: int) -> list[Row]:
    with both(tools, model, NUM_STREAMS) as (hob, server):
        rows = [
            *_one_stream(hob, server, tools, model, repeats),
            *_many_streams(hob, server, tools, model, repeats),
            *_shared_prefix(hob, server, min(repeats, 2)),
            *_interactive(hob, server, repeats),
            *_cancel(hob, server, repeats),
            *_good_neighbour(hob, server, repeats),
        ]
        return rows + _kill(hob, server)


# ---------------------------------------------------------------------- the goals


def _one_stream(hob: Hob, server: Server, tools: Path, model: Path, repeats: int) -> list[Row]:
    limit = _row("E1", "one stream, 128 tokens", "tok/s", ">= 0.97", limits.NAME_ONE)
    peer = _row("E1", "one stream, 128 tokens", "tok/s", ">= 1.0", SERVER)
    for repeat in track(range(repeats), "E1"):
        text = f"{repeat}: {prompts(1)[0]}"
        limit.other.append(limits.one_stream(tools, model, 128))
        limit.hob.append(hob.stream(text, 128)["decode_tokens_per_s"])
        peer.other.append(server.stream(text, 128)["decode_tokens_per_s"])
    peer.hob = limit.hob
    return [limit, peer]


def _many_streams(hob: Hob, server: Server, tools: Path, model: Path, repeats: int) -> list[Row]:
    limit = _row("E2", "16 streams, distinct prompts", "tok/s", ">= 0.95", limits.NAME_MANY)
    peer = _row("E2", "16 streams, distinct prompts", "tok/s", ">= 1.05", SERVER)
    for repeat in track(range(repeats), "E2"):
        texts = [f"{repeat}: {text}" for text in prompts(NUM_STREAMS)]
        limit.other.append(limits.many_streams(tools, model, NUM_STREAMS, PROMPT_TOKENS, 64))
        limit.hob.append(NUM_STREAMS * 64 / _together(hob, texts, 64))
        peer.other.append(NUM_STREAMS * 64 / _together(server, texts, 64))
    peer.hob = limit.hob
    return [limit, peer]


def _shared_prefix(hob: Hob, server: Server, repeats: int) -> list[Row]:
    row = _row("E3", "16 requests, one cold 1,500-token prefix, wall", "s", "<= 0.25", SERVER)
    for repeat in track(range(repeats), "E3"):
        texts = [f"Run {repeat}. {PREFIX} Question {i}:" for i in range(NUM_STREAMS)]
        row.hob.append(_together(hob, texts, 8))
        row.other.append(_together(server, texts, 8))
    return [row]


def _interactive(hob: Hob, server: Server, repeats: int) -> list[Row]:
    quiet = _row("E4", "p95 first token beside 8 batch streams", "s", "<= 1.5", "hob, quiet")
    peer = _row("E4", "p95 first token beside 8 batch streams", "s", "<= 0.20", SERVER)
    for repeat in track(range(repeats), "E4"):
        quiet.other.append(_p95(_first_tokens(hob, f"alone {repeat}")))
        quiet.hob.append(_p95(_crowded(hob, repeat)))
        peer.other.append(_p95(_crowded(server, repeat)))
    peer.hob = quiet.hob
    return [quiet, peer]


def _cancel(hob: Hob, server: Server, repeats: int) -> list[Row]:
    step = _row("E5", "compute freed after a cancel in mid-prefill", "s", "<= 1.0", "a step of 512 tokens")
    peer = _row("E5", "compute freed after a cancel in mid-prefill", "s", "<= 1.0", SERVER)
    for repeat in track(range(repeats), "E5"):
        words = f"{repeat} cancelled. {PREFIX}"
        step.other.append(hob.stream(words[:2440], 1)["first_token_s"])  # about as many tokens
        hob.begin_and_leave(f"cancelled {words}", 0.7)
        step.hob.append(busy_for(hob.pid))
        server.begin_and_leave(f"cancelled {words}", 0.7)
        peer.other.append(busy_for(server.pid))
    peer.hob = step.hob
    return [step, peer]


def _good_neighbour(hob: Hob, server: Server, repeats: int) -> list[Row]:
    one = _row("E8", "one stream while others keep every core busy", "tok/s", ">= 5", SERVER)
    many = _row("E8", "16 streams while others keep every core busy", "tok/s", ">= 5", SERVER)
    for repeat in track(range(repeats), "E8"):
        texts = [f"busy {repeat}: {text}" for text in prompts(NUM_STREAMS)]
        with _other_programs(2):
            one.hob.append(hob.stream(texts[0], 48)["decode_tokens_per_s"])
            one.other.append(server.stream(texts[0], 48)["decode_tokens_per_s"])
            many.hob.append(NUM_STREAMS * 8 / _together(hob, texts, 8))
            many.other.append(NUM_STREAMS * 8 / _together(server, texts, 8))
    return [one, many]


def _kill(hob: Hob, server: Server) -> list[Row]:
    """Last, for the server does not come back."""
    same = _row("E9", "of 8 answers killed one by one, those with the same text", "", ">= 8")
    finished = _row("E9", "of 8 answers at once, those finished after kill -9", "", ">= 8")
    texts = prompts(8)
    # A cached prompt rounds otherwise than one computed anew, so both have none.
    alone = [hob.stream(text, 96, is_fresh=True)["text"] for text in texts]
    told = [text for each in texts for text in _killed(hob, [each])]
    same.hob = [float(sum(one == other for one, other in zip(told, alone, strict=True)))]
    finished.hob = [float(sum(text is not None for text in _killed(hob, texts)))]
    finished.other = [float(sum(text is not None for text in _killed(server, texts)))]
    finished.against = SERVER
    return [finished, same]


# ---------------------------------------------------------------------- workloads


def _row(goal: str, what: str, unit: str, wanted: str, against: str = "") -> Row:
    return Row(goal=goal, what=what, unit=unit, wanted=wanted, against=against)


def _together(subject: Subject, texts: list[str], num_tokens: int) -> float:
    """Wall seconds until the last of many simultaneous requests is answered."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(texts)) as pool:
        list(pool.map(lambda text: subject.stream(text, num_tokens), texts))
    return time.perf_counter() - began


def _first_tokens(subject: Subject, name: str) -> list[float]:
    """Seconds to the first token of somebody who asks now and then."""
    firsts = []
    for index in range(10):
        time.sleep(0.1)
        asked = subject.stream(f"Question {name}.{index}: why", 4, urgency="interactive")
        firsts.append(asked["first_token_s"])
    return firsts


def _crowded(subject: Subject, repeat: int) -> list[float]:
    """The same while eight long answers are being written that nobody waits for."""
    texts = [f"{repeat}: {text}" for text in prompts(8)]
    with ThreadPoolExecutor(8) as pool:
        for text in texts:
            pool.submit(subject.stream, text, 192, urgency="batch")
        time.sleep(1)
        return _first_tokens(subject, str(repeat))


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _killed(subject: Subject, texts: list[str]) -> list[str | None]:
    """Answers under way, and the process that computes them is killed; None: it never came."""

    def ask(text: str) -> str | None:
        try:
            return str(subject.stream(text, 96, is_fresh=True)["text"])
        except Exception:  # however it tells that it is gone
            return None

    pid = subject.pid
    killer = threading.Timer(0.4, kill, (pid,))
    killer.start()
    with ThreadPoolExecutor(len(texts)) as pool:
        return list(pool.map(ask, texts))


@contextmanager
def _other_programs(count: int) -> Iterator[None]:
    """Programs that want every core all the time."""
    processes = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
