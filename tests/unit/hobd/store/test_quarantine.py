"""Who killed too many workers is kept out, by digest and across lives of the daemon, until it is released."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hobd.store import quarantine as module
from hobd.store.quarantine import Quarantine
from hypothesis import given
from hypothesis import strategies as st

A, B = "aa" * 32, "bb" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "quarantine.json"


def test_what_was_put_in_is_kept_with_its_first_reason(path: Path) -> None:
    quarantine = Quarantine(path, now=lambda: 7.0)
    quarantine.put(A, "m", "it reached out")
    quarantine.put(A, "m", "it did so again")
    held = Quarantine(path).all()[A]
    assert (held.model, held.reason, held.since) == ("m", "it reached out", 7.0)
    assert (Quarantine(path).why(A), Quarantine(path).why(B)) == ("it reached out", None)


def test_release_says_why_it_was_held(path: Path) -> None:
    quarantine = Quarantine(path)
    quarantine.put(A, "m", "it reached out")
    assert (quarantine.release(A), quarantine.release(A), quarantine.why(A)) == ("it reached out", None, None)
    assert Quarantine(path).all() == {}


def test_one_strike_too_many_holds_it_and_strikes_outlive_the_daemon(path: Path) -> None:
    struck = [Quarantine(path).strike(A, "m", "it crashed", 3) for _ in range(4)]
    assert struck == [False, False, True, False]  # told once
    assert Quarantine(path).why(A) == "it crashed"


def test_a_whole_load_forgives_strikes_but_not_what_is_held(path: Path) -> None:
    quarantine = Quarantine(path)
    quarantine.strike(A, "m", "it crashed", 2)
    quarantine.forgive(A)
    assert quarantine.strike(A, "m", "it crashed", 2) is False
    quarantine.put(B, "n", "held")
    quarantine.forgive(B)
    assert quarantine.why(B) == "held"


def test_without_a_limit_nothing_is_ever_held(path: Path) -> None:
    quarantine = Quarantine(path)
    assert not any(quarantine.strike(A, "m", "it crashed", 0) for _ in range(50))
    assert quarantine.all() == {}


def test_file_is_the_owners_alone(path: Path) -> None:
    Quarantine(path).put(A, "m", "held")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_damaged_file_holds_nobody(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"x": 1}')
    assert Quarantine(path).all() == {}


def test_who_is_only_counted_makes_room_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_HELD", 1)
    quarantine = Quarantine(path)
    quarantine.put(A, "m", "held")
    quarantine.strike(B, "n", "it crashed", 9)
    assert quarantine.why(A) == "held"


steps = st.lists(st.tuples(st.sampled_from(["strike", "forgive", "put", "release"]), st.sampled_from([A, B])))


@given(steps)
def test_whatever_happens_the_file_says_what_memory_says(
    tmp_path_factory: pytest.TempPathFactory, happened: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("q") / "quarantine.json"
    quarantine = Quarantine(path)
    for what, digest in happened:
        more = {"strike": ("m", "x" * 999, 2), "put": ("m", "held")}.get(what, ())
        getattr(quarantine, what)(digest, *more)
        assert Quarantine(path).all() == quarantine.all()
