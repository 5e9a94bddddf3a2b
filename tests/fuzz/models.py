"""Model files that nobody would write: tens of thousands through reader and vetting, thousands through real
workers.

Must leave no process and no file behind, and judge every end: a typed error or a whole model, in bounded
time and memory. `python -m tests.fuzz.models --count N --workers M --seed S`; a short run is in
test_models.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Where pytest finds what writes encoders.
sys.path.append(str(Path(__file__).parents[2] / "scripts"))

import psutil
from hobd import log
from hobd.broker.admission import Admission
from hobd.broker.appraisal import Appraiser
from hobd.broker.devices import SystemDevices
from hobd.broker.draft import Draft
from hobd.broker.loading import Loading
from hobd.broker.supervisor import PythonSpawner
from hobd.broker.vault import Vault
from hobd.config import Config, load
from hobd.errors import HobError, ModelUnusable, OutOfMemory, WorkerCrashed
from hobd.store.catalog import Entry
from hobd.store.digest import DigestMemory
from hobd.store.gguf import read_header
from hobd.store.pins import Pins
from hobd.store.quarantine import Quarantine
from hobd.store.quirks import Quirks
from hobd.store.vetting import vet

from tests.fuzz.gguf_files import File, mutated, parse
from tests.tiny_bert import write_tiny_bert
from tests.tiny_model import Shape, write_tiny_model
from tests.tiny_states import write_tiny_gemma, write_tiny_mamba

#: Vetting's own bound for a file of some kilobytes; a busy machine takes longer, so it is CPU time.
_MOST_SECONDS = 1.0
_LOAD_SECONDS = 60
_BUDGET_BYTES = 2 << 30
_EXPECTED = (ModelUnusable, OutOfMemory, WorkerCrashed)


@dataclass(slots=True)
class Ends:
    """How files ended, and what was wrong with that."""

    counted: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    deadly: list[int] = field(default_factory=list)  # files that vetting let pass and that killed a worker


def whole_files(home: Path) -> list[File]:
    """A model of each kind that is small enough."""
    paths = [
        write_tiny_model(home / "llama", shape=Shape(layers=1)),
        write_tiny_mamba(home / "mamba"),
        write_tiny_gemma(home / "gemma"),
        write_tiny_bert(home / "bert"),
    ]
    return [parse(path.read_bytes()) for path in paths]


def draw(files: Sequence[File], seed: int, number: int) -> bytes:
    rng = random.Random(f"{seed}:{number}")
    return mutated(rng.choice(files), rng)


# ------------------------------------------------------------------ reader and vetting


def judge_reading(files: Sequence[File], seed: int, numbers: Iterator[int] | range) -> Ends:
    """All of them, in this process."""
    ends = Ends()
    fd = os.memfd_create("model")
    try:
        for number in numbers:
            raw = draw(files, seed, number)
            os.ftruncate(fd, 0)
            os.pwrite(fd, raw, 0)
            began = time.process_time()
            ends.counted[_read(fd, number, ends)] += 1
            taken = time.process_time() - began
            ends.slowest_seconds = max(ends.slowest_seconds, taken)
            if taken > _MOST_SECONDS:
                ends.faults.append(f"file {number} took {taken:.1f} s")
    finally:
        os.close(fd)
    return ends


def _read(fd: int, number: int, ends: Ends) -> str:
    try:
        findings = vet(read_header(fd, "m"), "model")
    except ModelUnusable as refusal:
        if not refusal.message.isprintable() or len(refusal.message) > 400:
            ends.faults.append(f"file {number} is refused in no printable sentence")
        return "unreadable"
    except Exception as error:
        ends.faults.append(f"file {number} raised {type(error).__name__}")
        return "bug"
    if not all(finding.text.isprintable() and len(finding.text) < 300 for finding in findings):
        ends.faults.append(f"file {number} has a finding that is no printable text")
    return findings[0].severity if findings else "clean"


# ------------------------------------------------------------------ real workers


def judge_loading(files: Sequence[File], seed: int, numbers: range, home: Path, *, at_once: int = 2) -> Ends:
    """Each file in a worker of its own, vetting bypassed, as the broker loads it."""
    return asyncio.run(_load_all(files, seed, numbers, home, at_once))


async def _load_all(files: Sequence[File], seed: int, numbers: range, home: Path, at_once: int) -> Ends:
    ends, left = Ends(), iter(numbers)
    others = set(psutil.Process().children(recursive=True))
    loading = _loading(home)

    async def one_after_another() -> None:
        for number in left:
            await _load(loading, home / f"{number}.gguf", draw(files, seed, number), number, ends)

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    ours = set(psutil.Process().children(recursive=True)) - others
    _, left_behind = psutil.wait_procs(ours, timeout=10)
    if left_behind:
        ends.faults.append(f"{len(left_behind)} processes are left")
    return ends


def _loading(home: Path) -> Loading:
    return Loading(
        spawner=PythonSpawner(sandbox="enforce", module=("-m", "hobd.worker")),
        quirks=Quirks(home / "quirks.json"),
        admission=Admission(
            digests=DigestMemory(home / "digests.json"),
            pins=Pins(home / "pins.json"),
            quarantine=Quarantine(home / "quarantine.json"),
        ),
        vault=Vault(0),
        appraiser=Appraiser(SystemDevices(), {"ram": _BUDGET_BYTES}),
    )


def _config() -> Config:
    settings = {
        "admission.vetting": "off",
        "admission.first_use": "off",
        "admission.max_load_crashes": "0",
        "engine.threads": "1",
        "engine.lanes": "2",
        "engine.stash_mb": "0",
        "engine.load_timeout_seconds": str(_LOAD_SECONDS),
    }
    return load(None, {}, [f"{key}={value}" for key, value in settings.items()])


async def _load(loading: Loading, path: Path, raw: bytes, number: int, ends: Ends) -> None:
    path.write_bytes(raw)
    entry = Entry(name=path.stem, path=path, size_bytes=len(raw), modified_ns=0)
    began = time.monotonic()
    try:
        resident = await loading.load(entry, Draft(), _config(), lambda *_: None)
    except _EXPECTED as error:
        end = _end_of(error)
        if not error.message.isprintable():
            ends.faults.append(f"file {number} is refused in no printable sentence")
    except HobError as error:
        end = "bug"
        ends.faults.append(f"file {number} ended with {type(error).__name__}")
    else:
        end = "loaded"
        resident.process.kill()
        await resident.process.wait()
    finally:
        path.unlink()
    _note(ends, end, raw, number, time.monotonic() - began)


def _end_of(error: HobError) -> str:
    if isinstance(error, OutOfMemory):
        return "no memory"
    for number in signal.Signals:
        if number.name in error.message:
            return f"worker killed by {number.name}"
    return "too slow" if "did not load within" in error.message else "refused"


def _note(ends: Ends, end: str, raw: bytes, number: int, seconds: float) -> None:
    verdict = _verdict(raw)
    ends.counted[f"{end}, vetting: {verdict}"] += 1
    ends.slowest_seconds = max(ends.slowest_seconds, seconds)
    if end.startswith("worker killed") and verdict in ("clean", "odd", "suspicious"):
        ends.deadly.append(number)
    if seconds > 2 * _LOAD_SECONDS:
        ends.faults.append(f"file {number} took {seconds:.0f} s")


def _verdict(raw: bytes) -> str:
    fd = os.memfd_create("model")
    try:
        os.pwrite(fd, raw, 0)
        return _read(fd, 0, Ends())
    finally:
        os.close(fd)


# ------------------------------------------------------------------ by hand


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="files through reader and vetting")
    parser.add_argument("--workers", type=int, default=0, help="files through a worker each")
    parser.add_argument("--first", type=int, default=0, help="number of the first file for workers")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    log.configure("error")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        files = whole_files(home)
        began = time.monotonic()
        read = judge_reading(files, chosen.seed, range(chosen.count))
        _tell("read", read, chosen.count, time.monotonic() - began)
        began = time.monotonic()
        numbers = range(chosen.first, chosen.first + chosen.workers)
        loaded = judge_loading(files, chosen.seed, numbers, home) if chosen.workers else Ends()
        _tell("loaded", loaded, chosen.workers, time.monotonic() - began)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"largest worker {peak} MiB, this process {own} MiB")
    return 1 if read.faults or loaded.faults else 0


def _tell(what: str, ends: Ends, count: int, seconds: float) -> None:
    print(f"{what} {count} files in {seconds:.0f} s, the slowest {ends.slowest_seconds:.3f} s")
    for end, times in ends.counted.most_common():
        print(f"  {times:6} {end}")
    for fault in ends.faults[:20]:
        print(f"  FAULT {fault}")
    if ends.deadly:
        print(f"  passed vetting and killed their worker: {ends.deadly[:40]}")


if __name__ == "__main__":
    raise SystemExit(main())
