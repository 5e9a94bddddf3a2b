"""What a loaded model's memory is, measured: llama.cpp's own words on its buffers, and the C library's.

Must stay cheap enough for llama.cpp's log callback, and read no file: a worker has none. Fed by llama.py;
asked by the engines and serve.py.
"""

from __future__ import annotations

import ctypes
import re
import resource
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from hobd.wire.messages import MAX_MEASURED, Measured, MeasuredFor

# llama.cpp has no call that tells the sizes of its buffers, only lines of its log.
_BUFFER = re.compile(rb"(\w+) +(model|KV|RS|output|compute|LoRA) buffer size = +(\d+\.\d+) MiB")
_PURPOSES: dict[str, MeasuredFor] = {
    "model": "weights",
    "KV": "kv_cache",
    "RS": "kv_cache",
    "output": "compute",
    "compute": "compute",
    "LoRA": "adapters",
}
_RAM = "ram"
_MOST_AMONG_SMALL = 32 << 20
_GPU = re.compile(r"\D+(\d+)")


@dataclass(frozen=True, slots=True)
class Buffer:
    """One piece of memory, under llama.cpp's names for where it lies and what it is for."""

    place: str
    use: str
    num_bytes: int


class Buffers:
    """Those that llama.cpp told of since somebody took them."""

    def __init__(self) -> None:
        self._noted: deque[Buffer] = deque(maxlen=64)

    def note(self, line: bytes) -> None:
        if found := _BUFFER.search(line):
            num_bytes = round(float(found[3]) * (1 << 20))
            self._noted.append(Buffer(found[1].decode(), found[2].decode(), num_bytes))

    def take(self) -> list[Buffer]:
        taken = list(self._noted)
        self._noted.clear()
        return taken


def measured(buffers: Iterable[Buffer], weights_bytes: int) -> list[Measured]:
    """Bytes by device and purpose. `weights_bytes`: of all the model's tensors.

    Weights that were copied into a format of the processor's own are counted once: what is mapped of the
    file for them is not looked at again, and the system takes it back when it needs room.
    """
    sums: dict[tuple[str, MeasuredFor], int] = {}
    mapped = repacked = 0
    for buffer in buffers:
        if buffer.place == "CPU_Mapped":
            mapped += buffer.num_bytes
        elif buffer.place == "CPU_REPACK":
            repacked += buffer.num_bytes
        else:
            key = _device(buffer.place), _PURPOSES[buffer.use]
            sums[key] = sums.get(key, 0) + buffer.num_bytes
    if repacked:
        elsewhere = sum(size for (_, purpose), size in sums.items() if purpose == "weights")
        mapped = max(repacked, weights_bytes - elsewhere)
    if mapped:
        sums[_RAM, "weights"] = sums.get((_RAM, "weights"), 0) + mapped
    return [Measured(device, purpose, num_bytes) for (device, purpose), num_bytes in sums.items()]


def with_purpose(purpose: MeasuredFor, lines: Iterable[Measured]) -> list[Measured]:
    """The same memory, all for one purpose."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.device] = sums.get(line.device, 0) + line.num_bytes
    return [Measured(device, purpose, num_bytes) for device, num_bytes in sums.items()]


class Growth:
    """How much more small pieces of memory are in use since it was made: a vocabulary's, for the most part.

    Look before contexts are made. Once large pieces were given back, glibc puts those of up to 32 MiB among
    the small ones, so weights that were copied are taken off.
    """

    def __init__(self) -> None:
        self._before = _heap_bytes()

    def line(self, weights: Iterable[Buffer]) -> Measured:
        grown = max(0, _heap_bytes() - self._before)
        for buffer in weights:
            if buffer.place != "CPU_Mapped" and buffer.num_bytes <= min(grown, _MOST_AMONG_SMALL):
                grown -= buffer.num_bytes
        return Measured(_RAM, "overhead", grown)


def of_process() -> Measured:
    """What the process takes before it loads anything."""
    return Measured(_RAM, "overhead", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def bounded(lines: Iterable[Measured]) -> tuple[Measured, ...]:
    """One line for each device and purpose."""
    sums: dict[tuple[str, MeasuredFor], int] = {}
    for line in lines:
        key = line.device, line.purpose
        sums[key] = sums.get(key, 0) + line.num_bytes
    whole = [Measured(device, purpose, size) for (device, purpose), size in sums.items() if size]
    return tuple(whole[:MAX_MEASURED])


def _device(place: str) -> str:
    """`CUDA0` is gpu0; `CPU` and `CUDA_Host` are memory that processors compute in."""
    found = _GPU.fullmatch(place)
    return f"gpu{found[1]}" if found else _RAM


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def _heap_bytes() -> int:
    """In use of glibc's main heap; large pieces lie outside it. 0 where the library cannot say."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = _Mallinfo2
    return int(mallinfo2().uordblks)
