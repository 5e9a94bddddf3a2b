"""When a compiled engine may be used again, and when not."""

from __future__ import annotations

from pathlib import Path

import pytest
from provision import engine, place
from provision.failure import SetupError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "_version", lambda compiler: f"{compiler} 1.0")
    return tmp_path / "hob"


def test_same_machine_and_sources_find_the_wheel_built_before(cache: Path) -> None:
    built = cache / "wheels" / engine.digest() / "engine.whl"
    built.parent.mkdir(parents=True)
    built.touch()
    assert engine.wheel() == built


def test_another_processor_gets_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.digest()
    monkeypatch.setattr(engine, "_processor", lambda: "fpu sse2")
    assert engine.digest() != before


def test_another_compiler_gets_another_build(monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.digest()
    monkeypatch.setattr(engine, "_version", lambda compiler: f"{compiler} 2.0")
    assert engine.digest() != before


def test_other_build_options_get_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = engine.digest()
    options = tmp_path / "options.cmake"
    options.write_text(place.BUILD_OPTIONS.read_text() + "# changed\n")
    monkeypatch.setattr(place, "BUILD_OPTIONS", options)
    assert engine.digest() != before


def test_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(SetupError, match="no compiler is called no-such-compiler; install"):
        engine.digest()
