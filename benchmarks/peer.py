"""llama-server under the same stopwatch as the stack: same revision, same machine, same run.

Must listen on loopback only and end with its block. Built by scripts/peer; called by benchmarks/subjects.py.
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
from typing import Any


class LlamaServer:
    """`stream` one completion; the numbers come as the stack's do."""

    def __init__(self, port: int, pid: int) -> None:
        self._port = port
        self.pid = pid

    def stream(self, prompt: str, num_tokens: int, *, model: str = "") -> dict[str, Any]:
        """Client to client: time to the first token, and the rate of those after it.

        `model`: which one, if it is a router.
        """
        began = time.perf_counter()
        connection = self._ask(prompt, num_tokens, model)
        response = connection.getresponse()
        first, text, is_whole = 0.0, "", False
        while line := response.readline():
            if line.startswith(b"data: "):
                told = json.loads(line[6:])
                text += told.get("content", "")
                is_whole = is_whole or told.get("stop", False)
                first = first or (time.perf_counter() if text else 0.0)
        ended = time.perf_counter()
        connection.close()
        if not is_whole:
            raise ConnectionError("llama-server went away in mid-answer")
        return {
            "first_token_s": first - began,
            "decode_tokens_per_s": (num_tokens - 1) / max(ended - first, 1e-9),
            "tokens_per_s": num_tokens / (ended - began),
            "text": text,
        }

    def begin_and_leave(self, prompt: str, after_s: float) -> None:
        """Asks, and hangs up while the prompt is being computed."""
        connection = self._ask(prompt, 1)
        time.sleep(after_s)
        connection.close()

    def _ask(self, prompt: str, num_tokens: int, model: str = "") -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        body = {
            "prompt": prompt,
            "n_predict": num_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "cache_prompt": True,
            "model": model,
        }
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        return connection


@contextmanager
def running(tools: Path, model: Path, *options: str) -> Iterator[LlamaServer]:
    """A server with its own defaults, but for `options`; ready when the block begins."""
    with _serving(tools, "-m", str(model), *options) as server:
        yield server


@contextmanager
def routing(tools: Path, models: Path, *options: str) -> Iterator[LlamaServer]:
    """One that loads models of a directory as they are asked for."""
    with _serving(tools, "--models-dir", str(models), *options) as server:
        yield server


@contextmanager
def _serving(tools: Path, *options: str) -> Iterator[LlamaServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(tools / "llama-server"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_ready(process, port)
        yield LlamaServer(port, process.pid)
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
