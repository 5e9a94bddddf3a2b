"""What a GPU's memory does when models come and go. `python -m benchmarks.gpu [--gb 4] [--build]`.

Must run where there is an NVIDIA GPU, and leave its settings alone. `--build` compiles the engine for CUDA
first, into the environment that it runs in; that takes a compiler, the CUDA toolkit and half an hour.

Checked on real device memory: that layers go there, that the estimate holds, that a GPU too small gets
fewer layers and the rest stays in main memory, and that all of it is free again after a stop.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from hob_client.models import Resident
from hobd.broker.devices import DeviceKind, SystemDevices

from benchmarks import stack
from benchmarks.estimate import await_door
from tests.synthetic import Kind, Size, write_synthetic

#: About 0.37 GB in Q8_0 for each of its layers.
LAYER = Size(width=4096, heads=32, kv_heads=8, hidden=24576, vocabulary=64_000, kind=Kind.Q8_0)
LAYER_BYTES = 370_000_000
BUILD = ("uv", "pip", "install", "--reinstall-package", "llama-cpp-python", "--no-binary", "llama-cpp-python")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--gb", type=float, default=4.0, help="size of the model that is written")
    parser.add_argument("--build", action="store_true", help="compile the engine for CUDA first")
    arguments = parser.parse_args()
    if arguments.build:
        _build()
    if not _used_bytes():
        sys.exit("there is no NVIDIA GPU here, or no driver for it")
    with tempfile.TemporaryDirectory() as home:
        layers = max(2, round(arguments.gb * 1e9 / LAYER_BYTES))
        model = write_synthetic(Path(home) / "big.gguf", "llama", replace(LAYER, layers=layers))
        daemon = stack.Daemon(Path(home), model)
        results = [_whole(daemon), _half(daemon, model.stat().st_size)]
    sys.exit(0 if all(results) else 1)


def _build() -> None:
    environment = os.environ | {"CMAKE_ARGS": "-DGGML_CUDA=on", "VIRTUAL_ENV": sys.prefix}
    subprocess.run([*BUILD, "llama-cpp-python==0.3.36"], env=environment, check=True)


def _whole(daemon: stack.Daemon) -> bool:
    """All layers on the GPU: what is reserved, what llama.cpp told, and what the driver counts."""
    resident, taken, left = _come_and_go(daemon)
    reserved, measured = _on_gpus(resident)
    print(
        f"all layers: reserved {_gb(reserved)}, told {_gb(measured)}, counted {_gb(taken)}, left {_gb(left)}"
    )
    # The driver's own context for a process is some hundred megabytes that no buffer holds.
    return _say(
        is_there=measured > 0,
        is_within_5_percent=abs(reserved / measured - 1) < 0.05 if measured else False,
        is_counted=abs(taken - measured) < 1e9,
        is_free_again=left < 1e8,
    )


def _half(daemon: stack.Daemon, model_bytes: int) -> bool:
    """Room for half of it: fewer layers, said aloud, and never more than the room."""
    room = model_bytes // 2_000_000
    resident, taken, left = _come_and_go(daemon, f"memory.gpu_mb={room}")
    print(f"room for half: {resident.shrunk or 'nothing said'}; counted {_gb(taken)}, left {_gb(left)}")
    return _say(
        is_said="layers on GPUs" in resident.shrunk,
        is_within_its_room=_on_gpus(resident)[1] <= room * 1_050_000,
        is_free_again=left < 1e8,
    )


def _come_and_go(daemon: stack.Daemon, *settings: str) -> tuple[Resident, int, int]:
    """The resident, what the driver counted for it, and what was left of that after a stop."""
    before = _used_bytes()
    arguments = [word for setting in settings for word in ("--set", setting)]
    with daemon.running(*arguments), daemon.client() as client:
        await_door(daemon, client)
        began = time.monotonic()
        for _ in client.load(stack.MODEL):
            pass
        list(client.generate(stack.MODEL, [5] * 600, temperature=0, max_tokens=2))
        print(f"loaded and answered in {time.monotonic() - began:.1f} s")
        resident = client.status().residents[0]
        taken = _used_bytes() - before
        client.unload(stack.MODEL)
        return resident, taken, _used_bytes() - before


def _on_gpus(resident: Resident) -> tuple[int, int]:
    lines = [line for line in resident.memory if line.device.startswith("gpu")]
    return sum(line.reserved_bytes for line in lines), sum(line.measured_bytes for line in lines)


def _used_bytes() -> int:
    gpus = [device for device in SystemDevices().read() if device.kind is DeviceKind.GPU]
    return sum(gpu.total_bytes - gpu.free_bytes for gpu in gpus)


def _say(**held: bool) -> bool:
    for name, is_held in held.items():
        print(f"  {'ok    ' if is_held else 'FAILED'} {name.replace('_', ' ')}")
    return all(held.values())


def _gb(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
