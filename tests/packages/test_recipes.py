"""Recipes of others' package managers: what they name is there, and what they are told cannot become code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from provision import formula
from provision.failure import SetupError
from provision.locks import pinned

ROOT = Path(__file__).parents[2]


def test_formula_names_the_archive_and_its_digest() -> None:
    text = formula.fill(formula.TEMPLATE.read_text(), "https://example.org/hob-0.1.0.tar.gz", b"archive")
    assert 'url "https://example.org/hob-0.1.0.tar.gz"' in text and "@" not in text.replace("python@3.13", "")
    assert re.search(r'sha256 "[0-9a-f]{64}"', text)


@pytest.mark.parametrize(
    "url", ["", "http://example.org/a.tar.gz", 'https://a"; system "x".tar.gz', "file:///a.tar.gz"]
)
def test_formula_takes_no_other_address(url: str) -> None:
    with pytest.raises(SetupError, match="https address"):
        formula.fill("@URL@", url, b"")


def test_files_that_recipes_name_are_there() -> None:
    recipe = (ROOT / "packaging/homebrew/hob.rb").read_text()
    named = [f"requirements/{lock}" for lock in re.findall(r'locks/"([a-z.]+)"', recipe)]
    named += re.findall(r"packaging/[a-z-]+/[a-z.]+", recipe)
    named += re.findall(r"requirements/\S+", (ROOT / "packaging/container/Containerfile").read_text())
    assert len(named) >= 5 and [name for name in named if not (ROOT / name).exists()] == []


def test_what_is_installed_is_what_is_tested() -> None:
    installed = [package for package in pinned() if {"client", "whole"} & set(package.locks)]
    assert len(installed) > 20
    assert [package.name for package in installed if "dev" not in package.locks] == []
