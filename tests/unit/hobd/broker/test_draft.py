"""Which model guesses for another, as sidecars say; never the model's own misfortune."""

from __future__ import annotations

from pathlib import Path

import pytest
from hobd.broker.draft import Draft, find_draft
from hobd.store.catalog import Catalog


def draft_of(directory: Path, sidecar: str) -> Draft:
    """Of a model called `big`, in a directory that also has a `small` with an alias."""
    for name in ("big", "small"):
        (directory / f"{name}.gguf").write_bytes(b"GGUF")
    (directory / "big.toml").write_text(f'aliases = ["large"]\n{sidecar}\n')
    (directory / "small.toml").write_text('aliases = ["little"]\n')
    catalog = Catalog(directory)
    catalog.scan()
    return find_draft(catalog, catalog.resolve("big"))


def test_model_without_a_draft_has_none_and_no_problem(tmp_path: Path) -> None:
    assert draft_of(tmp_path, "") == Draft()


@pytest.mark.parametrize("name", ["small", "little", "SMALL"])
def test_draft_is_found_by_name_or_alias(tmp_path: Path, name: str) -> None:
    draft = draft_of(tmp_path, f'draft = "{name}"')
    assert draft.entry is not None and (draft.entry.name, draft.name, draft.problem) == ("small", name, "")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("smal", "did you mean small"), ("big", "the model itself"), ("large", "the model itself")],
    ids=["missing", "itself", "itself by an alias"],
)
def test_draft_that_cannot_guess_is_a_sentence(tmp_path: Path, name: str, problem: str) -> None:
    draft = draft_of(tmp_path, f'draft = "{name}"')
    assert draft.entry is None and draft.name == name and problem in draft.problem
