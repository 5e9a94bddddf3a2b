"""Which model is asked when nobody chose one, and how it is told."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from hob_editors.lsp.models import choose, is_coder
from hob_editors.lsp.state import Alarms, Standing, State


def resident(name: str, *abilities: str, residency: str = "ready") -> Any:
    return Mock(model=name, abilities=abilities, residency=residency, context_tokens=4096)


def model(name: str, *aliases: str) -> Any:
    told = Mock(aliases=aliases)
    told.name = name
    return told


CHATTY, CODER = resident("chatty", "generate", "chat"), resident("coder", "generate", "infill")


def test_loaded_model_that_knows_gaps_comes_first() -> None:
    choice = choose("", [CHATTY, CODER], [])
    assert choice.name == "coder" and choice.knows_gaps


def test_loaded_model_that_does_not_know_gaps_is_better_than_another_load() -> None:
    choice = choose("", [CHATTY, resident("vectors", "embed")], [model("qwen2.5-coder")])
    assert choice.name == "chatty" and choice.knows_gaps is False and choice.suggestion == "qwen2.5-coder"


def test_nothing_loaded_means_the_default() -> None:
    choice = choose("", [resident("coder", "infill", residency="loading")], [model("coder")])
    assert choice.name == "" and not choice.problem


def test_wish_goes_before_everything_and_knows_aliases() -> None:
    assert choose("chatty", [CODER, CHATTY], []).knows_gaps is False
    assert choose("fast", [CODER], [model("coder", "fast")]).knows_gaps
    assert choose("other", [CODER], [model("coder"), model("other")]).problem == ""


def test_missing_model_is_named_with_those_that_are_there() -> None:
    assert choose("absent", [CODER], [model("coder")]).problem == (
        "there is no model 'absent'; hob.model may be coder"
    )
    assert "there is no model yet" in choose("", [], []).problem


@pytest.mark.parametrize("name", ["Qwen2.5-Coder-1.5B", "starcoder2-3b", "codegemma-2b"])
def test_coder_is_known_by_its_name(name: str) -> None:
    assert is_coder(name) and not is_coder("smollm2")


def test_alarm_is_said_once_until_all_was_well() -> None:
    alarms, down = Alarms(), Standing(state=State.DAEMON_DOWN)
    assert alarms.is_due(down) and not alarms.is_due(down)
    assert not alarms.is_due(Standing(state=State.READY)) and alarms.is_due(down)
