"""What memory there is: of the machine, of hobd's control group, of each GPU; and how much models may have.

Must never fail for want of a driver or a file: a device that cannot be asked is not there. The seam is
`Devices`; tests/fakes/devices.py implements it too. Made by main.py; read by appraisal.py, and by whoever
keeps a budget.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from hobd.broker.account import RAM
from hobd.config import Config

_MB = 1_000_000
_MOST_GPUS = 64


class DeviceKind(StrEnum):
    RAM = "ram"
    GPU = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """`name` is what accounts call it: ram, gpu0, gpu1 in the order of the bus."""

    name: str
    kind: DeviceKind
    total_bytes: int
    free_bytes: int
    label: str = ""  # as its maker calls it


class Devices(Protocol):
    """The memory that there is. Blocks for a moment."""

    def read(self) -> tuple[Device, ...]:
        """Main memory first. What is told may have changed by the time it is used."""


def budget(config: Config, devices: Iterable[Device]) -> dict[str, int]:
    """Bytes of each device that models may have together."""
    memory, told = config.memory, {}
    for device in devices:
        is_ram = device.kind is DeviceKind.RAM
        wanted, percent = (
            (memory.ram_mb, memory.ram_percent) if is_ram else (memory.gpu_mb, memory.gpu_percent)
        )
        told[device.name] = wanted * _MB if wanted else device.total_bytes * percent // 100
    return told


class SystemDevices:
    """Implements Devices by asking the kernel, and NVIDIA's driver where there is one."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def read(self) -> tuple[Device, ...]:
        return (self._main_memory(), *(_gpus() if self._has_driver() else ()))

    def budget(self, config: Config) -> dict[str, int]:
        return budget(config, self.read())

    def free_of_gpus(self) -> dict[str, int]:
        """Free bytes of each GPU; none without a driver. Blocks for a moment."""
        return {gpu.name: gpu.free_bytes for gpu in (_gpus() if self._has_driver() else ())}

    def _has_driver(self) -> bool:
        """The kernel's part of NVIDIA's driver, or WSL's: without it the bindings need not be imported."""
        return any((self._root / "dev" / name).exists() for name in ("nvidiactl", "dxg"))

    def _main_memory(self) -> Device:
        import psutil  # asked for rarely; not worth 10 MB in a daemon that nobody watches

        memory = psutil.virtual_memory()
        total, free = int(memory.total), int(memory.available)
        for limit, used in self._groups():
            total, free = min(total, limit), min(free, max(0, limit - used))
        return Device(name=RAM, kind=DeviceKind.RAM, total_bytes=total, free_bytes=free)

    def _groups(self) -> Iterator[tuple[int, int]]:
        """Limit and use of our control group (v2) and of those it is in, where one sets a limit."""
        own = _group_path(_text(self._root / "proc/self/cgroup"))
        if own is None:
            return
        for group in (own, *own.parents):
            folder = self._root / "sys/fs/cgroup" / str(group).lstrip("/")
            limit, used = _text(folder / "memory.max"), _text(folder / "memory.current")
            if limit.isdecimal() and used.isdecimal():
                yield int(limit), int(used)


def _group_path(text: str) -> PurePosixPath | None:
    for line in text.splitlines():
        if line.startswith("0::/") and ".." not in line:
            return PurePosixPath(line.removeprefix("0::"))
    return None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _gpus() -> Iterator[Device]:
    """Those that the driver names; none without one, or if it cannot say."""
    try:
        import pynvml as nvml
    except ImportError:
        return
    with contextlib.suppress(nvml.NVMLError):
        nvml.nvmlInit()
        try:
            for number in range(min(nvml.nvmlDeviceGetCount(), _MOST_GPUS)):
                with contextlib.suppress(nvml.NVMLError):
                    yield _gpu(nvml, number)
        finally:
            nvml.nvmlShutdown()


def _gpu(nvml: Any, number: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory, name = nvml.nvmlDeviceGetMemoryInfo(handle), nvml.nvmlDeviceGetName(handle)
    return Device(
        name=f"gpu{number}",
        kind=DeviceKind.GPU,
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        label=name if isinstance(name, str) else name.decode("utf-8", "replace"),
    )
