"""The first message carries files, however many they are."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from hobd.broker.link import Link
from hobd.wire import messages as m
from hobd.wire.framing import encode

LOAD = m.Load(
    context_tokens=0,
    num_lanes=1,
    batch_tokens=32,
    num_threads=1,
    kv_cells=0,
    degraded="",
    template=b"x" * (1 << 20),  # more than the socket takes at once
)


async def send(ours: socket.socket, fds: list[int], theirs: socket.socket) -> tuple[bytes, list[int]]:
    link = Link(ours, lambda message: None, lambda reason: None)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: link, sock=ours)
    link.send_first(LOAD, fds)
    received = await asyncio.to_thread(receive, theirs, len(encode(LOAD)))
    transport.close()
    return received


def receive(sock: socket.socket, num_bytes: int) -> tuple[bytes, list[int]]:
    data, fds = b"", []
    while len(data) < num_bytes:
        more, new, _, _ = socket.recv_fds(sock, 1 << 16, 253)
        data, fds = data + more, fds + new
    return data, fds


@pytest.mark.parametrize("count", [1, 200, 201, 450])
def test_message_and_its_files_arrive_whole_and_in_order(count: int) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ends = [os.memfd_create(f"file {number}") for number in (1, 2)]
    fds = [ends[number % 2] for number in range(count)]
    with theirs:
        data, received = asyncio.run(send(ours, fds, theirs))
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in received]
    for fd in (*received, *ends):
        os.close(fd)
    assert data == encode(LOAD) and names == [f"/memfd:file {1 + n % 2} (deleted)" for n in range(count)]
