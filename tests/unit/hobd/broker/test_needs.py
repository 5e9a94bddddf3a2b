"""What a model will take is found out once for the files as they are, and again when one changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hobd.broker.account import RAM, Account, Line, Purpose, totals
from hobd.broker.needs import Needs
from hobd.config import Config
from hobd.config.schema import Engine
from hobd.errors import ModelUnusable, OutOfMemory
from hobd.store.catalog import Catalog, Entry


class Counting:
    """Tells the number of times it was asked, as bytes."""

    def __init__(self, error: Exception | None = None) -> None:
        self.num_asked = 0
        self._error = error

    def need(self, entry: Entry, catalog: Catalog, config: Config) -> Account:
        self.num_asked += 1
        if self._error is not None:
            raise self._error
        return (Line(device=RAM, purpose=Purpose.WEIGHTS, num_bytes=self.num_asked),)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "model.gguf").write_text("x" * 1000)
    catalog = Catalog(tmp_path)
    catalog.scan()
    return catalog


def ask(needs: Needs, catalog: Catalog, config: Config) -> int:
    catalog.scan()
    return totals(asyncio.run(needs.of(catalog.resolve("model"), catalog, config)))[RAM]


def test_header_is_read_once_for_many_leases(catalog: Catalog) -> None:
    needs, config = Needs(Counting()), Config()
    assert [ask(needs, catalog, config) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("name", ["model.gguf", "model.mmproj.gguf"])
def test_changed_or_new_file_is_looked_at_again(name: str, catalog: Catalog) -> None:
    needs, config = Needs(Counting()), Config()
    ask(needs, catalog, config)
    (catalog.directory / name).write_text("y" * 2000)
    assert ask(needs, catalog, config) == 2


def test_other_settings_are_another_question(catalog: Catalog) -> None:
    needs = Needs(Counting())
    ask(needs, catalog, Config())
    assert ask(needs, catalog, Config(engine=Engine(context_tokens=512))) == 2


def test_file_that_cannot_be_read_is_reckoned_by_its_size(catalog: Catalog) -> None:
    told = ask(Needs(Counting(ModelUnusable("odd"))), catalog, Config())
    assert 2000 < told < 100_000_000


def test_what_will_never_fit_is_said_each_time(catalog: Catalog) -> None:
    needs, config = Needs(Counting(OutOfMemory("too big"))), Config()
    for _ in range(2):
        with pytest.raises(OutOfMemory):
            ask(needs, catalog, config)
