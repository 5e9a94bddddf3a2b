"""What an editor may configure, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hob_editors.lsp.pace import Pace
from hob_editors.lsp.settings import Settings, parse
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
NAMES = [
    "enabled",
    "model",
    "debounceMs",
    "maxTokens",
    "multiLine",
    "context",
    "contextCharacters",
    "filetypes",
]


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
def test_whatever_comes_leaves_settings_that_can_be_used(given_: Any) -> None:
    settings, faults = parse(Settings(), given_)
    assert 0 <= settings.debounce_ms <= 5000 and 1 <= settings.max_tokens <= 1024
    assert isinstance(settings.wants("python"), bool) and isinstance(settings.enabled, bool)
    assert all(fault.startswith("hob") for fault in faults)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("debounceMs", 5001, "is 5001; it must be a whole number from 0 to 5000"),
        ("maxTokens", True, "is True; it must be a whole number from 1 to 1024"),
        ("multiLine", "some", "is 'some'; it must be one of auto, always, never"),
        ("enabled", 1, "is 1; it must be true or false"),
        ("model", "m" * 201, "must be the name of a model, of at most 200 characters"),
        ("filetypes", ["python"], "must give at most 200 filetypes true or false"),
    ],
)
def test_fault_names_setting_value_and_range(name: str, value: Any, fault: str) -> None:
    settings, faults = parse(Settings(), {name: value})
    assert faults == [f"hob.{name} {fault}"] and settings == Settings()


def test_filetypes_have_a_rule_for_all_others() -> None:
    settings, _ = parse(Settings(), {"filetypes": {"*": False, "python": True}})
    assert settings.wants("python") and not settings.wants("rust")


@given(st.lists(st.floats(0, 1e6), max_size=20), st.integers(0, 5000))
def test_wait_is_never_less_than_configured_nor_endless(answers: list[float], configured: int) -> None:
    pace = Pace()
    for took in answers:
        pace.note(took)
    assert configured <= pace.delay_ms(configured) <= 4 * configured


def test_slow_machine_is_asked_less_often() -> None:
    pace = Pace()
    pace.note(1500)
    assert pace.delay_ms(150) == 450
