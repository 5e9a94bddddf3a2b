"""The darkroom's child: one for each medium, and whatever kills it kills nothing else."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest
from hobd.sandbox import selftest
from hobd.worker.darkroom import Darkroom, start_darkroom
from hobd.worker.engine import Picture
from hobd.worker.refusal import Refusal
from hobd.worker.renderer import frame
from PIL import Image

from tests.process.test_renderer import child_of


@pytest.fixture
def darkroom() -> Iterator[Darkroom]:
    darkroom = start_darkroom()
    yield darkroom
    darkroom.close()


def png(side: int = 4, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side), 1 if mode == "1" else "red").save(file, "PNG")
    return file.getvalue()


def refused(darkroom: Darkroom, data: bytes) -> str:
    with pytest.raises(Refusal) as refusal:
        darkroom.develop(data, 16_000, "medium 0")
    return refusal.value.message


def test_every_medium_has_a_child_of_its_own(darkroom: Darkroom) -> None:
    children = set()
    for _ in range(3):
        assert darkroom.develop(png(), 16_000, "medium 0") == Picture(width=4, height=4, rgb=b"\xff\0\0" * 16)
        children.add(child_of(darkroom._zygote_pid))
    assert len(children) == 3


def test_damaged_medium_is_refused_and_the_next_is_developed(darkroom: Darkroom) -> None:
    assert refused(darkroom, png()[:-20]).startswith("medium 0 cannot be decoded")
    assert isinstance(darkroom.develop(png(), 16_000, "medium 1"), Picture)


def test_medium_that_takes_the_child_down_is_refused(
    darkroom: Darkroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hobd.worker.darkroom.frame", lambda ask: b"\xff" * len(frame(ask)))
    assert "medium 0" in refused(darkroom, png())
    monkeypatch.undo()
    assert isinstance(darkroom.develop(png(), 16_000, "medium 1"), Picture)


def test_child_holds_no_file_and_cannot_open_one(darkroom: Darkroom) -> None:
    darkroom.develop(png(), 16_000, "medium 0")
    pid = child_of(darkroom._zygote_pid)
    held = {os.readlink(f"/proc/{pid}/fd/{fd}").partition(":")[0] for fd in os.listdir(f"/proc/{pid}/fd")}
    with open(f"/proc/{pid}/limits") as limits:
        files = next(line for line in limits if line.startswith("Max open files"))
    assert held <= {"pipe", "socket"} and files.split()[3:5] == ["0", "0"]


def test_child_that_attested_still_decodes(darkroom: Darkroom) -> None:
    told = {each.property: each for each in darkroom.attest().findings}
    assert told.keys() == {*selftest.CHILD, *selftest.STATE}
    assert told["no_files"].held and told["no_core_files"].held
    assert not told["no_exec"].held  # these children are born without the worker's walls
    assert isinstance(darkroom.develop(png(), 16_000, "medium 0"), Picture)
