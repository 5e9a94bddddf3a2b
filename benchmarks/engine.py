"""The engine's goals against llama-server: `python -m benchmarks.engine [--write REPORT]`.

Must alternate the two in one run and print losses as plainly as wins. The goals E1 to E4 and E8 are
those of the design; peers are built by scripts/peer.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hob.address import data_dir
from rich.console import Console
from rich.table import Table

from benchmarks import peer, stack
from benchmarks.raw_loop import prompts

Stream = Callable[[str, int], dict[str, float]]
PREFIX = "The committee met again to discuss the harvest, the roads, the bridge and the price of grain. " * 75
SPIN = "while True: pass"


class Result:
    """One goal: hob's numbers, the peer's, and what was wanted of their ratio."""

    def __init__(self, name: str, unit: str, goal: str) -> None:
        self.name, self.unit, self.goal = name, unit, goal
        self.hob: list[float] = []
        self.peer: list[float] = []

    @property
    def ratio(self) -> float:
        return statistics.median(self.hob) / statistics.median(self.peer)


def together(stream: Stream, texts: list[str], num_tokens: int) -> float:
    """Wall seconds until the last of many simultaneous requests is answered."""
    threads = [threading.Thread(target=stream, args=(text, num_tokens)) for text in texts]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


@contextmanager
def other_programs(count: int) -> Iterator[None]:
    """Programs that want every core all the time."""
    processes = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def interactive_first_token(interactive: Stream, batch: Stream, repeat: int) -> float:
    """Median seconds to the first token of short requests while 8 long ones keep the machine busy."""
    threads = [
        threading.Thread(target=batch, args=(f"{repeat}: {text}", 160), daemon=True) for text in prompts(8)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    firsts = [interactive(f"Question {repeat}.{i}: why", 4)["first_token_s"] for i in range(5)]
    for thread in threads:
        thread.join()
    return statistics.median(firsts)


def measure(tools: Path, model: Path, repeats: int) -> list[Result]:
    results = [
        Result("E1 one stream, decode", "tok/s", ">= 1.00"),
        Result("E2 16 streams, distinct prompts", "tok/s", ">= 1.05"),
        Result("E3 16 requests, one cold 1,500-token prefix, wall", "s", "<= 0.25"),
        Result("E4 first token while 8 batch streams run", "s", "<= 0.20"),
        Result("E8 one stream while others keep every core busy", "tok/s", ">= 5"),
    ]
    one, many, shared, mixed, busy = results
    with tempfile.TemporaryDirectory() as directory:
        daemon = stack.Daemon(Path(directory), model)
        with (
            daemon.running("--load", stack.MODEL),
            daemon.client() as client,
            peer.running(tools, model, "-np", "16", "-c", "32768", "-kvu") as server,
        ):

            def hob(text: str, num_tokens: int, **options: Any) -> dict[str, float]:
                return stack.stream(client, text, num_tokens, **options)

            def urgent(text: str, num_tokens: int) -> dict[str, float]:
                return hob(text, num_tokens, priority_class="interactive")

            def patient(text: str, num_tokens: int) -> dict[str, float]:
                return hob(text, num_tokens, priority_class="batch")

            hob("warm up", 4)
            server.stream("warm up", 4)
            for repeat in range(repeats):
                text = f"{repeat}: {prompts(1)[0]}"
                one.hob.append(hob(text, 128)["decode_tokens_per_s"])
                one.peer.append(server.stream(text, 128)["decode_tokens_per_s"])
                texts = [f"{repeat}: {text}" for text in prompts(16)]
                many.hob.append(16 * 48 / together(hob, texts, 48))
                many.peer.append(16 * 48 / together(server.stream, texts, 48))
                texts = [f"Run {repeat}. {PREFIX} Question {i}:" for i in range(16)]
                shared.hob.append(together(hob, texts, 8))
                shared.peer.append(together(server.stream, texts, 8))
                mixed.hob.append(interactive_first_token(urgent, patient, repeat))
                mixed.peer.append(interactive_first_token(server.stream, server.stream, repeat))
                with other_programs(2):
                    busy.hob.append(hob(text, 24)["decode_tokens_per_s"])
                    busy.peer.append(server.stream(text, 24)["decode_tokens_per_s"])
                print(f"repeat {repeat + 1} of {repeats} done", file=sys.stderr)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine")
    parser.add_argument("--tools", type=Path, required=True, help="where scripts/peer put llama-server")
    parser.add_argument("--model", type=Path, default=data_dir() / "models" / "smollm2-135m-instruct.gguf")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", type=Path, help="also append the table to this Markdown file")
    arguments = parser.parse_args()
    results = measure(arguments.tools, arguments.model, arguments.repeats)
    table = Table("goal", "hob", "llama-server", "ratio", "wanted")
    lines = ["", "| goal | hob | llama-server | ratio | wanted |", "|---|---|---|---|---|"]
    for result in results:
        cells = (
            result.name,
            _spread(result.hob, result.unit),
            _spread(result.peer, result.unit),
            f"{result.ratio:.2f}",
            result.goal,
        )
        table.add_row(*cells)
        lines.append(f"| {' | '.join(cells)} |")
    Console().print(table)
    if arguments.write:
        with arguments.write.open("a") as report:
            report.write("\n".join(lines) + "\n")


def _spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.3g} {unit} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
