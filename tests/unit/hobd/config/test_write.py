"""A written configuration is the configuration.

Must cover every key: the cases come from the schema itself.
Run by pytest.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from hobd.config import RELOADABLE, Config, changed_keys, load, to_toml
from hobd.config.keys import Key, Value, all_keys
from hypothesis import given
from hypothesis import strategies as st


def other_than_default(key: Key) -> Value:
    if key.kind is int:
        assert key.meta.le is not None
        return int(key.meta.le)
    if key.kind is bool:
        return str(not key.default).lower()
    if get_origin(key.kind) is Literal:
        return str(next(choice for choice in get_args(key.kind) if choice != key.default))
    if key.meta.pattern is not None:
        return "vendor=enforce,mine=off"
    return '/odd "name"\\ ünïcode'


@pytest.mark.parametrize("dotted", all_keys())
def test_every_key_can_be_set_by_flag_and_variable_and_file(dotted: str, tmp_path: Path) -> None:
    key = all_keys()[dotted]
    value = str(other_than_default(key))
    by_flag = load(None, {}, [f"{dotted}={value}"])
    (tmp_path / "config.toml").write_text(to_toml(by_flag))
    assert by_flag == load(None, {key.variable: value}, []) == load(tmp_path / "config.toml", {}, [])
    assert changed_keys(Config(), by_flag) == [dotted]


@given(text=st.text().filter(str.isprintable))
def test_any_printable_text_survives_the_file(text: str) -> None:
    config = load(None, {}, [f"models.default={text}"])
    assert tomllib.loads(to_toml(config))["models"]["default"] == text


@pytest.mark.parametrize("dotted", all_keys())
def test_every_key_is_explained_and_its_default_is_valid(dotted: str) -> None:
    key = all_keys()[dotted]
    assert f"# {key.meta.description}\n# Must be {key.expectation};" in to_toml(Config())
    assert (key.meta.description or "").endswith(".")
    assert key.accepts(key.default)


def test_reloadable_keys_exist_and_what_was_built_at_start_is_not_among_them() -> None:
    assert all_keys().keys() >= RELOADABLE
    assert not RELOADABLE & {"security.sandbox", "daemon.max_sessions", "engine.threads"}


def test_same_configurations_differ_in_nothing() -> None:
    assert changed_keys(Config(), load(None, {}, [])) == []
