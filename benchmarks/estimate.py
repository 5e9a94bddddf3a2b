"""Goal E10: what a model was estimated to take, beside what it took. `python -m benchmarks.estimate`.

Must measure a real worker, in use: the buffers that llama.cpp told of, and the memory that the system
counts once a step has been full. Models are the starter, the embedding model, those named on the command
line, and some that it writes, of several architectures.

The last column is the difference that matters: bytes reserved against bytes that the system counts. What
is stowed in plain memory is left out of both: it grows with use. Pages of the file that were copied into
a format of the processor's own are left out too, since the system takes them back when it needs room.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from hob.address import data_dir
from hob_client import Client
from hob_client.errors import DaemonUnreachable
from hob_client.models import Resident
from hobd.store.gguf import read_header
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import stack
from tests.synthetic import Kind, Size, write_synthetic

MEDIUM = Size(layers=8, width=768, heads=12, kv_heads=6, hidden=2304)
SYNTHETIC = {
    "dense": ("llama", MEDIUM),
    "dense, Q8_0": ("llama", replace(MEDIUM, kind=Kind.Q8_0)),
    "dense, Q4_0 (copied)": ("llama", replace(MEDIUM, kind=Kind.Q4_0)),
    "experts": ("llama", replace(MEDIUM, experts=8, hidden=768)),
    "windows": ("gemma3", MEDIUM),
    "recurrent": ("mamba", MEDIUM),
    "convolutions": ("lfm2", MEDIUM),
    "hybrid": ("jamba", MEDIUM),
    "latent": ("deepseek2", MEDIUM),
    "wide vocabulary": ("llama", replace(MEDIUM, layers=4, vocabulary=200_000)),
}
USUAL: tuple[str, ...] = ()
SMALL = ("engine.context_tokens=2048", "engine.lanes=4", "engine.batch_tokens=128")
ROUNDED = ("engine.kv_type=q8_0",)
#: What x86-64 processors with AVX2 copy; see ggml-cpu's repack.cpp.
COPIED = frozenset(("Q4_0", "Q4_K", "IQ4_NL", "MXFP4"))
_LONGEST_STEP = 560
PURPOSES = ("weights", "kv_cache", "compute", "overhead")


@dataclass(frozen=True)
class Row:
    """One model under one configuration, in bytes."""

    name: str
    settings: tuple[str, ...]
    reserved: dict[str, int]
    measured: dict[str, int]
    counted: int  # by the system, when it has been used

    @property
    def off(self) -> float:
        return sum(self.reserved.values()) / self.counted - 1

    @property
    def off_buffers(self) -> float:
        """Without what no buffer holds."""
        told, took = (sum(x.get(p, 0) for p in PURPOSES[:3]) for x in (self.reserved, self.measured))
        return told / took - 1


def measure(name: str, model: Path, settings: tuple[str, ...]) -> Row:
    with tempfile.TemporaryDirectory() as home:
        daemon = stack.Daemon(Path(home), model)
        arguments = [word for setting in settings for word in ("--set", setting)]
        with daemon.running(*arguments, "--load", stack.MODEL), daemon.client() as client:
            await_door(daemon, client)
            for _ in client.load(stack.MODEL):
                pass
            resident = client.status().residents[0]
            _use(client, resident)
            reserved = {line.purpose: line.reserved_bytes for line in resident.memory}
            reserved.pop("prefix_cache", None)
            measured = {line.purpose: line.measured_bytes for line in resident.memory}
            return Row(name, settings, reserved, measured, _counted(resident, _copied(model)))


def await_door(daemon: stack.Daemon, client: Client) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.status()
            return
        except DaemonUnreachable:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no daemon came: {(daemon.home / 'hobd.log').read_text()}") from None
            time.sleep(0.05)


def _use(client: Client, resident: Resident) -> None:
    """Steps as long as they get; what was only promised by the system is taken then."""
    if "generate" in resident.abilities:
        ids = client.tokenize(stack.MODEL, "the and on " * 400)[:_LONGEST_STEP]
        list(client.generate(stack.MODEL, ids, temperature=0, max_tokens=2, incognito=True))
    else:
        client.embed(stack.MODEL, ["the and on " * 160] * 2)


def _copied(model: Path) -> int:
    """Bytes of tensors that processors like this one want in a format of their own, where the file stays
    mapped: from the first tensor that is used as it is to the last."""
    with model.open("rb") as file:
        tensors = read_header(file.fileno(), model.stem).tensors
    copied = [t for t in tensors if t.kind in COPIED and not t.name.startswith("token_embd")]
    used = [t.offset for t in tensors if t not in copied]
    return sum(t.num_bytes for t in copied if min(used) < t.offset < max(used))


def _counted(resident: Resident, copied_bytes: int) -> int:
    """The worker's memory and what is the renderer's alone."""
    worker = psutil.Process(resident.worker_pid)
    renderers = sum(child.memory_full_info().pss for child in worker.children())
    return int(worker.memory_info().rss + renderers - copied_bytes)


def report(rows: list[Row]) -> Table:
    table = Table(title="What models were estimated to take, and took (MB)")
    for column in ("model", "settings", *PURPOSES, "all", "counted", "buffers off", "off"):
        table.add_column(column, justify="left" if column in ("model", "settings") else "right")
    for row in rows:
        cells = (f"{_mb(row.reserved.get(p, 0))} / {_mb(row.measured.get(p, 0))}" for p in PURPOSES)
        whole = sum(row.reserved.values())
        settings = ", ".join(setting.removeprefix("engine.") for setting in row.settings) or "usual"
        color = "green" if abs(row.off) < 0.05 else "red"
        off = f"[{color}]{row.off:+.1%}[/]"
        table.add_row(
            row.name, settings, *cells, _mb(whole), _mb(row.counted), f"{row.off_buffers:+.1%}", off
        )
    return table


def _mb(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.0f}"


def subjects(named: list[Path], place: Path) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """Names, files and settings; what is written is there until the next."""
    files = [data_dir() / "models" / "smollm2-135m-instruct.gguf"]
    files += [data_dir() / "converted" / "all-minilm-l6-v2.gguf", *named]
    for file in files:
        if file.is_file():
            yield from ((file.stem, file, settings) for settings in (USUAL, SMALL, ROUNDED))
    for name, (architecture, size) in SYNTHETIC.items():
        file = write_synthetic(place / "synthetic.gguf", architecture, size)
        yield from ((name, file, settings) for settings in (USUAL, SMALL))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimate")
    parser.add_argument("models", nargs="*", type=Path, help="more of them")
    named = parser.parse_args().models
    with tempfile.TemporaryDirectory() as place:
        rows = [measure(*subject) for subject in track(subjects(named, Path(place)), "E10", total=None)]
    Console(width=200).print(report(rows))
    off = [abs(row.off) for row in rows]
    print(f"worst {max(off):.1%}, mean {sum(off) / len(off):.1%} of {len(off)}; the goal is 5%")


if __name__ == "__main__":
    main()
