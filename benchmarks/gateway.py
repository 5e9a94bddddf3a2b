"""What the gateway costs over gRPC: time to the first token, and throughput of 16 streams.

Must meet daemon and gateway as any client does, and measure both ways by turns, since the machine is shared.
Run as `python -m benchmarks.gateway MODEL.gguf`; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from hob_client import AsyncClient

from benchmarks.stack import MODEL, Daemon

PROMPT = "Why is the sky blue?"
NUM_FIRSTS = 60
NUM_STREAMS = 16
NUM_TOKENS = 64
ROUNDS = 5
LAST_CHUNK = b"\r\n0\r\n\r\n"
#: One stream: calls back at its first piece, returns when all is said.
Ask = Callable[[int, Callable[[], None]], Awaitable[None]]


@contextmanager
def running_gateway(daemon: Daemon) -> Iterator[tuple[str, str, psutil.Process]]:
    """Its address, a token, and the process that serves."""
    base = [sys.executable, "-I", "-m", "hob_gateway"]
    secret = subprocess.check_output(
        [*base, "token", "add", "bench"], env=daemon.environment, stderr=subprocess.DEVNULL, text=True
    ).strip()
    ready, told = os.pipe()
    argv = [*base, "run", "--listen", "127.0.0.1:0", "--rate", "10000", "--ready-fd", str(told)]
    with (daemon.home / "gateway.log").open("ab") as log:
        process = subprocess.Popen(argv, env=daemon.environment, stdout=log, stderr=log, pass_fds=(told,))
    os.close(told)
    with os.fdopen(ready) as pipe:
        url = pipe.readline().split()[1]
    try:
        yield url, secret, psutil.Process(process.pid).children()[0]
    finally:
        process.terminate()
        process.wait(30)


def over_grpc(client: AsyncClient) -> Ask:
    async def ask(num_tokens: int, first: Callable[[], None]) -> None:
        wishes: dict[str, Any] = {"temperature": 0, "max_tokens": num_tokens, "ignore_eos": True}
        async for event in client.generate(MODEL, PROMPT, **wishes):
            if event.kind not in ("progress", "started"):
                first()

    return ask


def over_http(url: str, secret: str) -> Ask:
    """As little of a client as there can be: a library's own time is not the gateway's.

    Connections are kept, as libraries and gRPC keep theirs.
    """
    place = urlsplit(url)
    kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(num_tokens: int, first: Callable[[], None]) -> None:
        asked = {"prompt": PROMPT, "model": MODEL, "stream": True, "temperature": 0, "n_predict": num_tokens}
        body = json.dumps(asked | {"ignore_eos": True}).encode()
        head = (
            f"POST /completion HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {secret}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        line = kept.pop() if kept else await asyncio.open_connection(place.hostname, place.port)
        reader, writer = line
        writer.write(head.encode() + body)
        heard = b""
        while not heard.endswith(LAST_CHUNK) and (piece := await reader.read(1 << 16)):
            heard += piece
            if b"data: " in piece:
                first()
        kept.append(line)
        assert f'"tokens_predicted":{num_tokens}'.encode() in heard, heard[:200]

    return ask


async def first_ms(ask: Ask) -> float:
    began, firsts = time.perf_counter(), list[float]()
    await ask(1, lambda: firsts.append(time.perf_counter()))
    return (firsts[0] - began) * 1000


async def tokens_per_s(ask: Ask) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(ask(NUM_TOKENS, lambda: None) for _ in range(NUM_STREAMS)))
    return NUM_STREAMS * NUM_TOKENS / (time.perf_counter() - began)


async def measure(daemon: Daemon, url: str, secret: str, serving: psutil.Process) -> dict[str, Any]:
    async with AsyncClient(daemon.socket, start=False) as client:
        ways = {"grpc": over_grpc(client), "http": over_http(url, secret)}
        firsts: dict[str, list[float]] = {name: [] for name in ways}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for ask in ways.values():
            await first_ms(ask)  # loads the model, and fills its caches
        for _ in range(NUM_FIRSTS):
            for name, ask in ways.items():
                firsts[name].append(await first_ms(ask))
        before = sum(serving.cpu_times()[:2])
        for _ in range(ROUNDS):
            for name, ask in ways.items():
                rates[name].append(await tokens_per_s(ask))
    took_us = (sum(serving.cpu_times()[:2]) - before) * 1e6
    middle = {name: statistics.median(values) for name, values in firsts.items()}
    least = {name: min(values) for name, values in firsts.items()}
    fastest = {name: max(values) for name, values in rates.items()}
    return {
        "first_token_ms": middle,
        "first_token_added_ms": middle["http"] - middle["grpc"],
        "first_token_least_added_ms": least["http"] - least["grpc"],
        "tokens_per_s_at_16": fastest,
        "throughput_lost_percent": 100 * (1 - fastest["http"] / fastest["grpc"]),
        "all_rates": rates,
        "gateway_cpu_us_per_token": took_us / (ROUNDS * NUM_STREAMS * NUM_TOKENS),
    }


def main(model: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="hob-bench-") as home:
        daemon = Daemon(Path(home), model)
        with daemon.running(), daemon.client() as client:
            client.status()
            with running_gateway(daemon) as (url, secret, serving):
                print(json.dumps(asyncio.run(measure(daemon, url, secret, serving)), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
