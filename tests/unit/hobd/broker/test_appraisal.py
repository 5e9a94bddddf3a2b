"""Plans for files that lie there, and what a worker is told of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hobd.broker.account import RAM, Purpose
from hobd.broker.appraisal import Appraiser, as_planned, settings_of
from hobd.config import Config, Engine, Memory
from hobd.errors import ModelUnusable, OutOfMemory
from hobd.store.catalog import Catalog
from hobd.wire.messages import Load

from tests.fakes.devices import FakeDevices
from tests.tiny_model import write_tiny_model

GIB = 1 << 30
LOAD = Load(context_tokens=0, num_lanes=16, batch_tokens=512, num_threads=0, kv_cells=0, degraded="")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A model with a draft, and a file that is none."""
    for name in ("big", "small"):
        write_tiny_model(tmp_path / f"{name}.gguf").chmod(0o444)
    (tmp_path / "big.toml").write_text('draft = "small"\n')
    (tmp_path / "odd.gguf").write_bytes(b"GGUF")
    (tmp_path / "odd.gguf").chmod(0o444)
    catalog = Catalog(tmp_path)
    catalog.scan()
    return catalog


def test_draft_is_a_part_of_what_a_model_needs(catalog: Catalog) -> None:
    account = Appraiser(FakeDevices(8 * GIB)).need(catalog.resolve("big"), catalog, Config())
    assert {line.purpose for line in account} >= {Purpose.WEIGHTS, Purpose.DRAFT, Purpose.OVERHEAD}


def test_no_draft_is_counted_where_nothing_is_guessed(catalog: Catalog) -> None:
    config = Config(engine=Engine(speculation="off"))
    account = Appraiser(FakeDevices(8 * GIB)).need(catalog.resolve("big"), catalog, config)
    assert Purpose.DRAFT not in {line.purpose for line in account}


def test_what_is_needed_is_what_is_planned(catalog: Catalog) -> None:
    config, entry = Config(memory=Memory(ram_mb=200)), catalog.resolve("small")
    appraiser = Appraiser(FakeDevices(8 * GIB))
    told = appraiser.appraise(entry, catalog, config)
    assert appraiser.need(entry, catalog, config) == told.plan.account != told.asked
    assert told.budget == {RAM: 200_000_000}


def test_what_fits_at_no_size_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(OutOfMemory, match="small needs at least"):
        Appraiser(FakeDevices(1000)).need(catalog.resolve("small"), catalog, Config())


def test_file_that_is_no_model_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(ModelUnusable, match="in the middle of its header"):
        Appraiser(FakeDevices(GIB)).need(catalog.resolve("odd"), catalog, Config())


def test_open_file_without_a_readable_header_has_no_plan(catalog: Catalog) -> None:
    fd = os.open(catalog.directory / "odd.gguf", os.O_RDONLY)
    assert Appraiser(FakeDevices(GIB)).plan("odd", fd, Config(), draft=None, adapters=()) is None
    os.close(fd)


def test_draft_that_cannot_be_read_leaves_the_plan_as_it_is(catalog: Catalog) -> None:
    model, odd = (os.open(catalog.directory / f"{name}.gguf", os.O_RDONLY) for name in ("small", "odd"))
    appraiser = Appraiser(FakeDevices(GIB))
    with_odd = appraiser.plan("small", model, Config(), draft=odd, adapters=(odd,))
    assert with_odd == appraiser.plan("small", model, Config(), draft=None, adapters=()) and with_odd
    os.close(model)
    os.close(odd)


def test_worker_is_told_what_the_plan_says() -> None:
    settings = settings_of(Config(engine=Engine(context_tokens=77, kv_type="q8_0", stash_mb=3, gpu_layers=5)))
    told = as_planned(LOAD, settings)
    assert (told.context_tokens, told.kv_type, told.stash_bytes, told.gpu_layers) == (
        77,
        "q8_0",
        3_000_000,
        5,
    )
    assert told.num_lanes == LOAD.num_lanes


def test_gpus_are_a_part_of_the_settings() -> None:
    settings = settings_of(Config(), FakeDevices(8 * GIB, 2 * GIB).read())
    assert [(gpu.name, gpu.free_bytes) for gpu in settings.gpus] == [("gpu0", 2 * GIB)]
