"""What was measured holds for its file and processor, and changes nothing that was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hobd.broker.tuning import Tuning
from hobd.config import Config
from hobd.errors import InvalidRequest, NotPermitted
from hobd.store.catalog import Entry
from hobd.store.tunings import EngineSettings, Tunings
from hypothesis import given
from hypothesis import strategies as st

MODEL = Entry(name="tiny", path=Path("/tiny.gguf"), size_bytes=10, modified_ns=1)
OTHER = Entry(name="tiny", path=Path("/tiny.gguf"), size_bytes=11, modified_ns=1)
MEASURED = EngineSettings(threads=3, kv_type="q8_0")
SETTINGS = st.builds(
    EngineSettings,
    threads=st.integers(0, 1024),
    batch_tokens=st.sampled_from([0, 32, 512]),
    kv_type=st.sampled_from(["", "f16", "q8_0"]),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tunings.json"


def test_measured_settings_hold_for_the_next_load_and_after_a_restart(path: Path) -> None:
    Tuning(Tunings(path)).remember(MODEL, MEASURED)
    engine = Tuning(Tunings(path)).apply(MODEL, Config()).engine
    assert (engine.threads, engine.kv_type, engine.batch_tokens) == (3, "q8_0", Config().engine.batch_tokens)


def test_another_file_of_that_name_gets_nothing(path: Path) -> None:
    tuning = Tuning(Tunings(path))
    tuning.remember(MODEL, MEASURED)
    assert tuning.apply(OTHER, Config()) == Config() and tuning.of(OTHER) is None


def test_another_processor_gets_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Tuning(Tunings(path)).remember(MODEL, MEASURED)
    monkeypatch.setattr("hobd.store.tunings.processor_digest", lambda: "another")
    assert Tuning(Tunings(path)).of(MODEL) is None


def test_what_is_forgotten_stays_forgotten(path: Path) -> None:
    tuning = Tuning(Tunings(path))
    tuning.remember(MODEL, MEASURED)
    tuning.forget(MODEL)
    assert Tuning(Tunings(path)).of(MODEL) is None


@given(SETTINGS, st.sets(st.sampled_from(["threads", "batch_tokens", "kv_type"])))
def test_no_tuning_changes_what_the_configuration_says(measured: EngineSettings, fixed: set[str]) -> None:
    tuning = Tuning(None, dict.fromkeys(fixed, "hob.toml:1"))
    tuning.of = lambda entry: type("T", (), {"settings": measured})()  # type: ignore[method-assign, assignment]
    engine, said = tuning.apply(MODEL, Config()).engine, Config().engine
    assert all(getattr(engine, name) == getattr(said, name) for name in fixed)


def test_trial_goes_before_all_and_ends_with_its_block(path: Path) -> None:
    tuning = Tuning(Tunings(path), {"threads": "hob.toml:1"})
    tuning.remember(MODEL, MEASURED)
    with tuning.trial(MODEL, EngineSettings(threads=7), is_resident=False):
        assert tuning.apply(MODEL, Config()).engine.threads == 7
    assert tuning.apply(MODEL, Config()).engine.threads == Config().engine.threads


def test_trial_of_a_model_in_memory_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="stop it before"):
        with Tuning().trial(MODEL, MEASURED, is_resident=True):
            pass


def test_administrators_word_goes_before_a_trial() -> None:
    tuning = Tuning(None, {"threads": "/etc/hob/policy.toml:3"})
    with pytest.raises(NotPermitted, match=r"set by /etc/hob/policy.toml:3"):
        with tuning.trial(MODEL, MEASURED, is_resident=False):
            pass


@pytest.mark.parametrize("content", ["", "[]", '{"tiny": {"settings": {"threads": -1}}}', "\xff"])
def test_damaged_file_is_no_file(path: Path, content: str) -> None:
    path.write_text(content, encoding="latin-1")
    assert Tunings(path).get(MODEL) is None
