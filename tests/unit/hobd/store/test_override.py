"""A template beside a model is handed on as it is, if it is a file that only its owner changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hobd.errors import ModelUnusable
from hobd.store.catalog import Catalog, Entry
from hobd.store.override import MAX_BYTES, read_override


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    path = tmp_path / "model.jinja"
    path.write_text("{{ messages }}")
    path.chmod(0o644)
    return path


def entry(template: Path) -> Entry:
    catalog = Catalog(template.parent)
    catalog.scan()
    return catalog.resolve("model")


def refusal(template: Path) -> str:
    with pytest.raises(ModelUnusable) as caught:
        read_override(entry(template))
    return caught.value.message


def test_bytes_are_handed_on_unread(template: Path) -> None:
    template.write_bytes(b"{{ \xff")
    assert read_override(entry(template)) == b"{{ \xff"


def test_a_model_alone_keeps_its_own(template: Path) -> None:
    template.rename(template.with_name("other.jinja"))
    assert read_override(entry(template)) is None


def test_the_largest_template_that_is_taken(template: Path) -> None:
    template.write_bytes(b"x" * MAX_BYTES)
    assert read_override(entry(template)) == b"x" * MAX_BYTES
    template.write_bytes(b"x" * (MAX_BYTES + 1))
    assert "over 256 KiB" in refusal(template)


def test_an_empty_template_is_refused(template: Path) -> None:
    template.write_text(" \n")
    assert f"{template} is empty" in refusal(template)


def test_a_template_that_others_may_change_is_refused(template: Path) -> None:
    template.chmod(0o666)
    assert "chmod go-w" in refusal(template)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_refused(template: Path, make: Callable[[Path], None]) -> None:
    template.unlink()
    make(template)
    assert "cannot be used" in refusal(template)


def test_a_link_to_nowhere_is_refused(template: Path) -> None:
    template.unlink()
    template.symlink_to("nothing")
    assert "cannot be read" in refusal(template)


def test_a_template_that_comes_or_goes_is_seen(template: Path) -> None:
    catalog = Catalog(template.parent)
    catalog.scan()
    template.unlink()
    catalog.scan()
    assert catalog.resolve("model").template is None
