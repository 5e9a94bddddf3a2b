"""Many clients at once, some slow, some vanishing, some never saying what they want: others see nothing."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
from typing import Any

import httpx
import psutil

from tests.daemon import await_true
from tests.fakes.daemon import FakeDaemon, tell
from tests.running_gateway import RunningGateway

WORDS = tuple(f"word{number} " for number in range(60))
TEXT = "".join(WORDS)
ASKED: dict[str, Any] = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: gone without a word


def head(gateway: RunningGateway, length: int) -> bytes:
    lines = (
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{gateway.port}",
        f"Authorization: Bearer {gateway.token}",
        f"Content-Length: {length}",
    )
    return "\r\n".join((*lines, "", "")).encode()


async def good(gateway: RunningGateway, http: httpx.AsyncClient) -> bool:
    """Whether the answer came whole."""
    async with http.stream("POST", "/v1/chat/completions", json=ASKED) as told:
        lines = [line async for line in told.aiter_lines() if line.startswith("data: {")]
    pieces = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in lines]
    return "".join(pieces) == TEXT


async def dying(gateway: RunningGateway, chance: random.Random) -> None:
    """Says some of its request, reads some of the answer, and is gone."""
    body = json.dumps(ASKED).encode()
    said = head(gateway, len(body)) + body
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    part = said[: chance.choice([0, 10, len(said) // 2, len(said)])]
    writer.write(part)
    await writer.drain()
    if part == said:
        await reader.read(chance.randrange(1, 2000))
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.close()


async def slow(gateway: RunningGateway, done: asyncio.Event) -> None:
    """Says its request byte by byte, and reads nothing until all others are done."""
    body = json.dumps(ASKED).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1)
    for byte in head(gateway, len(body)) + body:
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    await done.wait()
    writer.close()


async def storm(gateway: RunningGateway, seed: int) -> list[bool]:
    chance, done = random.Random(seed), asyncio.Event()
    headers = {"authorization": f"Bearer {gateway.token}"}
    async with (
        httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60, trust_env=False) as http,
        asyncio.TaskGroup() as others,
    ):
        for _ in range(20):
            others.create_task(dying(gateway, chance))
        for _ in range(10):
            others.create_task(slow(gateway, done))
        answers = await asyncio.gather(*(good(gateway, http) for _ in range(20)))
        done.set()
    return answers


def under_way(gateway: RunningGateway) -> int:
    with gateway.http() as http:
        told = re.search(r"requests_under_way (\d+)", http.get("/metrics").text)
    assert told
    return int(told[1]) - 1  # without this one


def test_storm_leaves_good_answers_and_nothing_behind(gateway: RunningGateway, door: FakeDaemon) -> None:
    assert gateway.process is not None
    (serving,) = psutil.Process(gateway.process.pid).children()
    door.script = tell(*WORDS)
    with gateway.http() as http:
        http.post("/v1/chat/completions", json=ASKED)  # the first request opens what stays open
        before = serving.num_fds()
    for seed in range(3):
        assert all(asyncio.run(storm(gateway, seed)))
    await_true(lambda: under_way(gateway) == 0, "the requests of those who are gone", 30)
    await_true(lambda: serving.num_fds() <= before + 2, "their connections", 30)
