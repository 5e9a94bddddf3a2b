"""What the program that dials may tell, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hob_cli.fetching import number, read_plan
from hob_client.errors import InternalError
from hob_fetch.plan import Item, Plan
from hypothesis import given
from hypothesis import strategies as st

ITEM = Item(kind="model", title="m.gguf", url="https://h/m", size_bytes=7, sha256="a" * 64)
PLAN = Plan(
    name="m", source="s", license="MIT", items=(ITEM, replace(ITEM, kind="projector", url="https://h/p"))
)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("../../x.part")


def event(**changes: Any) -> dict[str, Any]:
    """A plan with one file, of which something is changed."""
    file = replace(PLAN, items=(ITEM,)).event()["files"][0] | changes
    return PLAN.event() | {"files": [file]}


def test_plan_arrives_as_it_was_made() -> None:
    read = read_plan(event())
    assert (read.name, read.source, read.license) == ("m", "s", "MIT")
    assert (read.files[0].kind, read.files[0].part, read.files[0].sha256) == ("model", ITEM.part, "a" * 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"part": "../../models/m.gguf"},
        {"part": "A" * 32 + ".part"},
        {"sha256": "A" * 64},
        {"kind": "sidecar"},
        {"size_bytes": -1},
        {"title": "x" * 3000},
        {"title": None},
    ],
    ids=str,
)
def test_file_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InternalError, match="nothing of it is used"):
        read_plan(event(**changes))


def test_one_part_stands_for_one_file() -> None:
    twice = PLAN.event()["files"]
    assert twice[0]["part"] == twice[1]["part"]  # of one digest
    with pytest.raises(InternalError):
        read_plan(PLAN.event())


@given(st.dictionaries(st.sampled_from(["part", "kind", "sha256", "size_bytes", "title"]), VALUES))
def test_whatever_is_told_is_a_plan_or_refused(changes: dict[str, Any]) -> None:
    try:
        read = read_plan(event(**changes))
    except InternalError:
        return
    assert all("/" not in file.part for file in read.files)


@pytest.mark.parametrize("told", [True, -1, "1", None, 1 << 60])
def test_number_that_is_none_is_refused(told: object) -> None:
    with pytest.raises(InternalError):
        number({"done_bytes": told}, "done_bytes")
