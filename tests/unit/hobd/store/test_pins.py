"""A file stays what it was when it was first used, until a person accepts another."""

from __future__ import annotations

from pathlib import Path

import pytest
from hobd.store import pins as module
from hobd.store.pins import Pin, Pins

A, B = "aa" * 32, "bb" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pins.json"


def test_first_use_is_remembered_and_a_second_does_not_change_it(path: Path) -> None:
    pins = Pins(path, now=lambda: 5.0)
    assert pins.of(Path("/m")) is None
    assert pins.first_use(Path("/m"), A) == pins.first_use(Path("/m"), B) == Pin(sha256=A, since=5.0)


def test_only_accepting_changes_a_pin(path: Path) -> None:
    pins = Pins(path)
    pins.first_use(Path("/m"), A)
    pins.accept(Path("/m"), B)
    assert pins.of(Path("/m")) == Pins(path).of(Path("/m"))
    assert (pin := pins.of(Path("/m"))) is not None and pin.sha256 == B


@pytest.mark.parametrize("content", [b"", b"[]", b'{"/m": {"sha256": "x", "since": 1}}', b"\xff"])
def test_damaged_pins_are_made_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert Pins(path).of(Path("/m")) is None


def test_pins_of_files_that_are_gone_make_room_first(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_PINS", 1)
    there = tmp_path / "there"
    there.touch()
    pins = Pins(path)
    pins.first_use(there, A)
    pins.first_use(tmp_path / "gone", B)
    assert (pins.of(there) is not None, pins.of(tmp_path / "gone")) == (True, None)
