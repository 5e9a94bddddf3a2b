"""What memory there is, as control groups and drivers tell it, and what of it models may have."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hobd.broker.account import RAM
from hobd.broker.devices import Device, DeviceKind, Devices, SystemDevices, budget
from hobd.config import Config, Memory

from tests.fakes.devices import FakeDevices

TOTAL = psutil.virtual_memory().total


class NVMLError(Exception):
    pass


def given_groups(root: Path, own: str, **limits: str) -> SystemDevices:
    """`limits` by the last part of a group's path; `top` for the root."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"4:memory:/elsewhere\n0::{own}\n")
    folder = root / "sys/fs/cgroup"
    for part in ("", *own.strip("/").split("/")):
        folder = folder / part
        folder.mkdir(parents=True, exist_ok=True)
        if (limit := limits.get(part or "top")) is not None:
            (folder / "memory.max").write_text(f"{limit}\n")
            (folder / "memory.current").write_text("1000\n")
    return SystemDevices(root)


def given_driver(monkeypatch: pytest.MonkeyPatch, root: Path, *sizes: int, broken: str = "") -> SystemDevices:
    (root / "dev").mkdir()
    (root / "dev/nvidiactl").touch()

    def fails(*_: Any) -> None:
        raise NVMLError

    driver: dict[str, Any] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: len(sizes),
        "nvmlDeviceGetHandleByIndex": lambda number: number,
        "nvmlDeviceGetName": lambda number: b"Big \xff card",
        "nvmlDeviceGetMemoryInfo": lambda number: SimpleNamespace(
            total=sizes[number], free=sizes[number] // 2
        ),
    }
    monkeypatch.setitem(
        sys.modules, "pynvml", SimpleNamespace(**(driver | ({broken: fails} if broken else {})))
    )
    return SystemDevices(root)


@pytest.mark.parametrize("devices", [SystemDevices(), FakeDevices(1 << 30)], ids=["real", "fake"])
def test_main_memory_comes_first_and_is_never_more_than_all(devices: Devices) -> None:
    first = devices.read()[0]
    assert (first.name, first.kind) == (RAM, DeviceKind.RAM)
    assert 0 < first.free_bytes <= first.total_bytes


def test_limit_of_our_own_group_is_all_there_is(tmp_path: Path) -> None:
    ram = given_groups(tmp_path, "/user/hob", hob="5000000").read()[0]
    assert (ram.total_bytes, ram.free_bytes) == (5_000_000, 4_999_000)


def test_limit_of_a_group_around_ours_counts_too(tmp_path: Path) -> None:
    ram = given_groups(tmp_path, "/user/hob", hob="max", user="3000000").read()[0]
    assert ram.total_bytes == 3_000_000


def test_group_that_has_used_its_limit_up_has_nothing_free(tmp_path: Path) -> None:
    assert given_groups(tmp_path, "/hob", hob="500").read()[0].free_bytes == 0


@pytest.mark.parametrize("own", ["/", "/../../etc", "/gone"])
def test_without_a_limit_the_machine_is_all_there_is(tmp_path: Path, own: str) -> None:
    assert given_groups(tmp_path, own, hob="max").read()[0].total_bytes == TOTAL


def test_without_a_driver_nobody_asks_for_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given_driver(monkeypatch, tmp_path, 100)
    (tmp_path / "dev/nvidiactl").unlink()
    assert [device.name for device in SystemDevices(tmp_path).read()] == [RAM]


def test_without_bindings_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    devices = given_driver(monkeypatch, tmp_path, 100)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert [device.name for device in devices.read()] == [RAM]


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetMemoryInfo"])
def test_a_driver_that_cannot_say_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    devices = given_driver(monkeypatch, tmp_path, 100, broken=broken)
    assert [device.name for device in devices.read()] == [RAM]


def test_gpus_are_numbered_in_the_order_of_the_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpus = given_driver(monkeypatch, tmp_path, 100, 60).read()[1:]
    assert [(gpu.name, gpu.total_bytes, gpu.free_bytes) for gpu in gpus] == [
        ("gpu0", 100, 50),
        ("gpu1", 60, 30),
    ]
    assert gpus[0].label == "Big \ufffd card"


def test_budget_is_a_share_of_all_there_is() -> None:
    assert budget(Config(), FakeDevices(1000, 200).read()) == {RAM: 800, "gpu0": 180}


def test_budget_in_megabytes_goes_before_the_share() -> None:
    config = Config(memory=Memory(ram_mb=3, gpu_mb=2))
    assert FakeDevices(1000, 200).budget(config) == {RAM: 3_000_000, "gpu0": 2_000_000}


def test_a_device_is_a_value() -> None:
    one = Device(name="a", kind=DeviceKind.GPU, total_bytes=1, free_bytes=1)
    assert one == Device(name="a", kind=DeviceKind.GPU, total_bytes=1, free_bytes=1)
