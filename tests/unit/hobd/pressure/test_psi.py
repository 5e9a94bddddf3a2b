"""Alarms come from the file that the service manager names, or the kernel's own; stopping ends the thread."""

from __future__ import annotations

import asyncio
import base64
import os
import threading
from pathlib import Path

import pytest
from hobd.pressure import psi
from hobd.pressure.watch import NoWatch


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pressure")
    return tmp_path / "pressure"


def ring(pipe: Path) -> None:
    fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, b"x")
    os.close(fd)


def test_each_alarm_reaches_the_event_loop_until_stop(pipe: Path) -> None:
    async def listen() -> int:
        watch, heard = psi.Watch(str(pipe), b""), asyncio.Queue[None]()
        watch.start(lambda: heard.put_nowait(None))
        for _ in range(2):
            ring(pipe)
            await heard.get()
        watch.stop()
        return heard.qsize()

    assert asyncio.run(listen()) == 0
    assert not any(thread.name == "memory pressure" for thread in threading.enumerate())


def test_the_service_managers_file_is_preferred(pipe: Path) -> None:
    line = base64.b64encode(b"some 1 2").decode()
    watch = psi.choose({"MEMORY_PRESSURE_WATCH": str(pipe), "MEMORY_PRESSURE_WRITE": line})
    assert watch.source == str(pipe)
    watch.stop()


def test_the_service_manager_can_switch_it_off() -> None:
    watch = psi.choose({"MEMORY_PRESSURE_WATCH": "/dev/null"})
    assert isinstance(watch, NoWatch) and "switched it off" in watch.source


@pytest.mark.parametrize("line", ["not base64!", ""])
def test_a_file_that_cannot_be_used_leaves_the_machines_own(line: str, pipe: Path) -> None:
    environment = {"MEMORY_PRESSURE_WATCH": "/nowhere/at/all", "MEMORY_PRESSURE_WRITE": line}
    watch = psi.choose(environment, str(pipe))
    assert watch.source == str(pipe)
    watch.stop()


def test_a_kernel_without_it_is_said(tmp_path: Path) -> None:
    watch = psi.choose({}, str(tmp_path / "missing"))
    assert watch.source.startswith("none: ") and "No such file" in watch.source


@pytest.mark.skipif(
    not os.access("/proc/pressure/memory", os.W_OK), reason="this kernel has no pressure files"
)
def test_the_kernel_arms_the_trigger() -> None:
    watch = psi.choose({})
    assert watch.source in ("/proc/pressure/memory",) or "cannot be watched" in watch.source
    watch.stop()
