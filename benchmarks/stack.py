"""The whole stack under the stopwatch: CLI start, daemon start, one stream, many streams, at rest.

Must meet the daemon as any client does. Called by benchmarks/cost.py and subjects.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from hob_client import Client

HOB = Path(sys.executable).with_name("hob")
MODEL = "bench"


class Daemon:
    """A daemon of the benchmark's own, in a directory of its own."""

    def __init__(self, home: Path, model: Path, *names: str) -> None:
        """The model under one name or several, each a file of its own."""
        self.home = home
        self.socket = home / "run" / "hob.sock"
        self.models = home / "models"
        self.models.mkdir(parents=True, exist_ok=True)
        for name in names or (MODEL,):
            copy = self.models / f"{name}.gguf"
            if not copy.exists():
                copy.write_bytes(model.read_bytes())
                copy.chmod(0o444)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HOB_SOCKET": str(self.socket),
            "HOB_MODELS_DIR": str(self.models),
        }

    @contextmanager
    def running(self, *arguments: str) -> Iterator[psutil.Process]:
        with (self.home / "hobd.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "hobd", *arguments], env=self.environment, stdout=log, stderr=log
            )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)

    def client(self) -> Client:
        return Client(self.socket, start=False, wait_seconds=30)


def stream(
    client: Client, prompt: str, num_tokens: int, *, model: str = MODEL, **options: Any
) -> dict[str, Any]:
    """One stream, client to client: time to the first token, and the rate of those after it."""
    began = time.perf_counter()
    first, text = 0.0, ""
    for event in client.generate(
        model, prompt, temperature=0, max_tokens=num_tokens, ignore_eos=True, **options
    ):
        text += event.text
        first = first or (time.perf_counter() if text else 0.0)
    ended = time.perf_counter()
    return {
        "first_token_s": first - began,
        "decode_tokens_per_s": (num_tokens - 1) / (ended - first),
        "tokens_per_s": num_tokens / (ended - began),
        "text": text,
    }


def streams(client: Client, prompts: list[str], num_tokens: int) -> dict[str, float]:
    """Many at once: all tokens over the wall from the first request to the last answer."""
    threads = [threading.Thread(target=stream, args=(client, prompt, num_tokens)) for prompt in prompts]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"tokens_per_s": len(prompts) * num_tokens / (time.perf_counter() - began)}


def cold_run(daemon: Daemon, prompt: str) -> float:
    """Seconds from typing `hob run` to its first token, with no daemon running. Leaves none."""
    command = [
        str(HOB),
        "run",
        "--raw",
        "-m",
        MODEL,
        "--temperature",
        "0",
        "--max-tokens",
        "1",
        "--ignore-eos",
        prompt,
    ]
    began = time.perf_counter()
    with subprocess.Popen(command, env=daemon.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        first = time.perf_counter() - began
        process.stdout.read()
    subprocess.run(
        [str(HOB), "stop", "--daemon"], env=daemon.environment, check=True, stdout=subprocess.DEVNULL
    )
    while daemon.socket.exists():
        time.sleep(0.01)
    return first


def command_seconds(daemon: Daemon, *arguments: str) -> float:
    """Wall seconds of one CLI command."""
    began = time.perf_counter()
    subprocess.run([str(HOB), *arguments], env=daemon.environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def at_rest(process: psutil.Process, seconds: float = 10.0) -> dict[str, float]:
    """The idle broker: resident megabytes, and how often it was woken."""
    time.sleep(2)
    before = process.num_ctx_switches()
    time.sleep(seconds)
    after = process.num_ctx_switches()
    return {
        "broker_resident_mb": process.memory_info().rss / 1e6,
        "wakeups": float(after.voluntary - before.voluntary),
        "seconds": seconds,
    }
