"""The list of short names, and what it holds publishers to."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hob_client.errors import ModelNotFound, ModelUnusable
from hob_client.shelf.names import check_name
from hob_fetch.plan import Item, Plan
from hob_fetch.short_names import ShortName, held_to, look_up, short_names
from hob_fetch.source_text import read_source

SHORT = ShortName(name="m", source="hf:o/r", sha256="a" * 64, license="MIT", about="it")
ITEM = Item(kind="model", title="m.gguf", url="https://h/m.gguf", sha256="a" * 64)


@pytest.mark.parametrize("short", short_names().values(), ids=lambda short: short.name)
def test_entry_has_source_digest_and_licence(short: ShortName) -> None:
    assert check_name(short.name) and read_source(short.name).scheme == "short"
    assert read_source(short.source).path.endswith(".gguf")
    assert re.fullmatch("[0-9a-f]{64}", short.sha256) and short.license and short.about


def test_mistyped_name_gets_near_ones() -> None:
    with pytest.raises(ModelNotFound, match="did you mean smollm2"):
        look_up("smolm2")


def test_publisher_with_another_file_is_refused() -> None:
    plan = Plan(name="x", source="s", items=(replace(ITEM, sha256="b" * 64),))
    with pytest.raises(ModelUnusable, match="has another file by now"):
        held_to(SHORT, plan)


def test_list_has_the_say_on_name_licence_and_files() -> None:
    other = replace(ITEM, kind="projector")
    held = held_to(SHORT, Plan(name="x", source="s", license="?", items=(replace(ITEM, sha256=""), other)))
    assert (held.name, held.license) == ("m", "MIT")
    assert [item.sha256 for item in held.items] == ["a" * 64]


def test_member_of_an_archive_is_held_to_the_digest() -> None:
    item = replace(ITEM, sha256="c" * 64, member="a/m.gguf")
    (held,) = held_to(SHORT, Plan(name="x", source="s", items=(item,))).items
    assert (held.sha256, held.expected_sha256) == ("c" * 64, "a" * 64)


def test_no_plan_shows_its_urls() -> None:
    item = replace(ITEM, url="https://h/m?secret", headers={"a": "secret"})
    assert "secret" not in repr(Plan(name="x", source="s", items=(item,)))
