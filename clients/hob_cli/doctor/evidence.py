"""What `hob doctor` looks at: the facts of this machine and installation, gathered and not judged.

Must change and start nothing, run none of the engine's code, and take what cannot be read for unknown.
Called by commands/doctor.py; judged by findings.py.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hob import address, portable

_AMX_TEXT = b"AMX is not ready"  # in the library only if it was compiled for AMX
_GPU_LIBRARIES = ("libggml-cuda.so", "libggml-hip.so", "libggml-vulkan.so", "libggml-metal.dylib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file or directory; `mode` is None where there is none."""

    path: Path
    mode: int | None = None
    is_ours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """None: not known, or not there."""

    door: Place
    door_folder: Place
    answers: bool
    client_version: str
    daemon_version: str | None = None
    confinement: str | None = None
    has_service: bool = False
    service_state: str | None = None
    service_runs: bool = False
    num_restarts: int = 0
    models: Place
    num_models: int = 0
    free_disk_bytes: int | None = None
    available_bytes: int | None = None
    total_bytes: int | None = None
    has_swap: bool = False
    num_cpus: int
    threads: int | None = None  # as configured
    cpu_flags: frozenset[str] = frozenset()
    has_engine: bool = True
    engine_uses_amx: bool = False
    engine_uses_gpu: bool = False
    gpu_files: tuple[tuple[str, bool], ...] = ()  # with: may we open it
    has_gpu_driver: bool = False


def place(path: Path) -> Place:
    try:
        found = path.lstat()
    except OSError:
        return Place(path=path)
    return Place(path=path, mode=stat.S_IMODE(found.st_mode), is_ours=found.st_uid in (portable.own_uid(), 0))


def models_folder() -> Path:
    named = os.environ.get("HOB_MODELS_DIR") or _configured("models", "dir")
    return Path(os.path.expanduser(str(named))) if named else address.data_dir() / "models"


def of_machine() -> dict[str, object]:
    """Memory, processors, GPUs."""
    memory = dict(line.split(":", 1) for line in _lines("/proc/meminfo") if ":" in line)
    flags = next((line.split(":", 1)[1] for line in _lines("/proc/cpuinfo") if line.startswith("flags")), "")
    files = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri/renderD128")
    threads = _configured("engine", "threads")
    return {
        "total_bytes": _kilobytes(memory.get("MemTotal")),
        "available_bytes": _kilobytes(memory.get("MemAvailable")),
        "has_swap": len(_lines("/proc/swaps")) > 1,
        "num_cpus": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        "threads": threads if isinstance(threads, int) else None,
        "cpu_flags": frozenset(flags.split()),
        "gpu_files": tuple(
            (file, os.access(file, os.R_OK | os.W_OK)) for file in files if os.path.exists(file)
        ),
        "has_gpu_driver": os.path.exists("/proc/driver/nvidia/version"),
    }


def of_engine() -> dict[str, object]:
    """What the compiled libraries are, by their names and bytes: nothing of them is run."""
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return {"has_engine": False}
    folder = Path(spec.origin).parent / "lib"
    processor = folder / "libggml-cpu.so"
    return {
        "has_engine": True,
        "engine_uses_amx": processor.is_file() and _AMX_TEXT in processor.read_bytes(),
        "engine_uses_gpu": any((folder / name).exists() for name in _GPU_LIBRARIES),
    }


def of_models() -> dict[str, object]:
    folder = models_folder()
    exists = folder.is_dir()
    return {
        "models": place(folder),
        "num_models": sum(1 for _ in folder.glob("*.gguf")) if exists else 0,
        "free_disk_bytes": shutil.disk_usage(folder).free if exists else None,
    }


def _configured(section: str, key: str) -> object:
    """Of the user's file, if it can be read; hobd itself says what is wrong with one that cannot."""
    try:
        table = tomllib.loads(address.config_path().read_text()).get(section, {})
    except (OSError, ValueError):
        return None
    return table.get(key) if isinstance(table, dict) else None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _kilobytes(text: str | None) -> int | None:
    number = (text or "").split()[:1]
    return int(number[0]) * 1024 if number and number[0].isdecimal() else None
