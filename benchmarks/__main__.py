"""`make bench`: the stack against the raw loop in one run, alternating; a table, and a report with `--write`.

Must print losses as plainly as wins. Needs the starter model in place.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hob.address import data_dir
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import stack
from benchmarks.raw_loop import prompts

HERE = Path(__file__).parent
NUM_TOKENS, NUM_STREAMS, STREAM_TOKENS = 128, 16, 48


class Row(NamedTuple):
    name: str
    hob: list[float]
    raw: list[float]
    unit: str
    goal: str
    is_rate: bool  # larger is better

    @property
    def ratio(self) -> float | None:
        return statistics.median(self.hob) / statistics.median(self.raw) if self.raw else None


def raw(model: Path, num_streams: int, num_tokens: int, num_threads: int) -> dict[str, float]:
    """The yardstick, in a process of its own."""
    command = [
        sys.executable,
        str(HERE / "raw_loop.py"),
        str(model),
        str(num_streams),
        str(num_tokens),
        str(num_threads),
    ]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return told


def alternate(
    repeats: int, what: str, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """One of each, in turn: the machine's moods hit both."""
    pairs = [(ours(), theirs()) for _ in track(range(repeats), description=what)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def measure(model: Path, repeats: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        daemon = stack.Daemon(Path(directory), model)
        with daemon.running("--load", stack.MODEL) as process, daemon.client() as client:
            stack.stream(client, "warm up", 4)
            num_threads = client.status().residents[0].num_threads
            rows += _warm(client, model, repeats, num_threads)
            rest = stack.at_rest(process)
            rows.append(Row("idle broker, resident", [rest["broker_resident_mb"]], [], "MB", "< 70", False))
            rows.append(Row("idle broker, wake-ups in 10 s", [rest["wakeups"]], [], "", "0", False))
            version = [stack.command_seconds(daemon, "--no-start", "ps") for _ in range(repeats)]
            rows.append(Row("`hob ps`, whole command", version, [], "s", "", False))
        cold = alternate(
            repeats,
            "cold start",
            lambda: stack.cold_run(daemon, prompts(1)[0]),
            lambda: _whole_process(model, num_threads),
        )
        rows.append(Row("cold: typing to first token", *cold, "s", "<= 1.30", False))
    return rows


def _warm(client: stack.Client, model: Path, repeats: int, num_threads: int) -> list[Row]:
    one, many = prompts(1)[0], prompts(NUM_STREAMS)
    single: list[dict[str, float]] = []
    alone: list[dict[str, float]] = []
    alternate(
        repeats,
        "one stream",
        lambda: single.append(stack.stream(client, one, NUM_TOKENS)) or 0.0,
        lambda: alone.append(raw(model, 1, NUM_TOKENS, num_threads)) or 0.0,
    )
    sixteen = alternate(
        repeats,
        "16 streams",
        lambda: stack.streams(client, many, STREAM_TOKENS)["tokens_per_s"],
        lambda: raw(model, NUM_STREAMS, STREAM_TOKENS, num_threads)["tokens_per_s"],
    )

    def row(name: str, key: str, unit: str, goal: str, is_rate: bool) -> Row:
        return Row(name, [r[key] for r in single], [r[key] for r in alone], unit, goal, is_rate)

    return [
        row("one stream, decode", "decode_tokens_per_s", "tok/s", ">= 0.90", True),
        row("warm time to first token", "first_token_s", "s", "<= 1.15", False),
        Row("16 streams, whole", *sixteen, "tok/s", ">= 0.90", True),
    ]


def _whole_process(model: Path, num_threads: int) -> float:
    """A bare script that loads the model and decodes one token: its whole wall, interpreter included."""
    import time

    began = time.perf_counter()
    raw(model, 1, 1, num_threads)
    return time.perf_counter() - began


def doors() -> dict[str, dict[str, float]]:
    return {
        library: json.loads(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.doors", library], check=True, capture_output=True
            ).stdout
        )
        for library in ("grpclib", "grpcio")
    }


def table(rows: list[Row]) -> Table:
    shown = Table(
        "measured", "hob", "raw loop", "ratio", "goal", title="hob against the raw llama_decode loop"
    )
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        shown.add_row(row.name, _spread(row.hob, row.unit), _spread(row.raw, row.unit), ratio, row.goal)
    return shown


def _spread(values: list[float], unit: str) -> str:
    if not values:
        return ""
    middle = f"{statistics.median(values):.3g}"
    return (
        f"{middle} {unit}"
        if len(values) == 1
        else f"{middle} {unit} ({min(values):.3g} to {max(values):.3g})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--model", type=Path, default=data_dir() / "models" / "smollm2-135m-instruct.gguf")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", type=Path, help="also write the report to this Markdown file")
    arguments = parser.parse_args()
    rows = measure(arguments.model, arguments.repeats)
    hosts = doors()
    Console().print(table(rows))
    compared = Table(
        "server of the doors", *hosts, title="grpclib against grpcio, grpcio client, Unix socket"
    )
    for key in hosts["grpclib"]:
        compared.add_row(key.replace("_", " "), *(f"{host[key]:.4g}" for host in hosts.values()))
    Console().print(compared)
    if arguments.write:
        arguments.write.write_text(report(rows, hosts, arguments))


def report(rows: list[Row], hosts: dict[str, dict[str, float]], arguments: argparse.Namespace) -> str:
    lines = [
        "# Results",
        "",
        f"`make bench`, {arguments.repeats} repeats, alternating; medians (smallest to largest).",
        f"{arguments.model.name}; {platform.machine()}, {_processor()}, Linux {platform.release()}.",
        "",
        "| measured | hob | raw loop | ratio | goal |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells = (row.name, _spread(row.hob, row.unit), _spread(row.raw, row.unit), ratio, row.goal)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| server of the doors | " + " | ".join(hosts) + " |", "|---|---|---|"]
    for key in hosts["grpclib"]:
        lines.append(
            f"| {key.replace('_', ' ')} | " + " | ".join(f"{host[key]:.4g}" for host in hosts.values()) + " |"
        )
    return "\n".join(lines) + "\n"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()} x {len(__import__('os').sched_getaffinity(0))}"
    return platform.processor()


if __name__ == "__main__":
    main()
