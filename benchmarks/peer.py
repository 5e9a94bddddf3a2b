"""llama-server under the same stopwatch as the stack: same revision, same machine, same run.

Must listen on loopback only and end with its block. Built by scripts/peer; called by benchmarks/engine.py.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LlamaServer:
    """`stream` one completion; the numbers come as the stack's do."""

    def __init__(self, port: int) -> None:
        self._port = port

    def stream(self, prompt: str, num_tokens: int) -> dict[str, float]:
        """Client to client: time to the first token, and the rate of those after it."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        body = {
            "prompt": prompt,
            "n_predict": num_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "cache_prompt": True,
        }
        began = time.perf_counter()
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        first = 0.0
        while line := response.readline():
            if not first and line.startswith(b"data: ") and json.loads(line[6:]).get("content"):
                first = time.perf_counter()
        ended = time.perf_counter()
        connection.close()
        return {
            "first_token_s": first - began,
            "decode_tokens_per_s": (num_tokens - 1) / max(ended - first, 1e-9),
            "tokens_per_s": num_tokens / (ended - began),
        }


@contextmanager
def running(tools: Path, model: Path, *options: str) -> Iterator[LlamaServer]:
    """A server with its own defaults, but for `options`; ready when the block begins."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(tools / "llama-server"),
        "-m",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_ready(process, port)
        yield LlamaServer(port)
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"llama-server did not start (status {process.poll()})")
