"""Sidecars as programs write them, and as the daemon reads them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hob_client.errors import InvalidRequest
from hob_client.shelf.sidecar import Sidecar, fit, read_aliases, recorded_sha256, render, with_aliases
from hobd.store.sidecar import read_sidecar
from hypothesis import given
from hypothesis import strategies as st

WRITTEN = '# mine\nsha256 = "{}"  # checked\naliases = [\n  "a", # one\n  "b",\n]\nlicense = "MIT"\n'.format(
    "f" * 64
)
lines = st.text(max_size=300)


@given(lines)
def test_what_fits_stays_as_it_is(text: str) -> None:
    assert fit(fit(text)) == fit(text)


@given(license=lines, source=lines, aliases=st.lists(lines.map(fit).filter(bool), max_size=8))
def test_daemon_reads_what_is_written(
    tmp_path_factory: pytest.TempPathFactory, license: str, source: str, aliases: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "m.toml"
    said = Sidecar(sha256="a" * 64, license=license, source=source, aliases=tuple(aliases))
    path.write_bytes(render(said).encode())
    read = read_sidecar(path)
    assert (read.sha256, read.aliases) == ("a" * 64, tuple(aliases))
    assert (read.license or "", read.source or "") == (fit(license), fit(source))


def test_comments_and_order_stay_when_aliases_change() -> None:
    changed = with_aliases(WRITTEN, ["c"])
    assert changed == WRITTEN.replace('[\n  "a", # one\n  "b",\n]', '["c"]')
    assert read_aliases(changed) == ("c",)


def test_aliases_are_added_to_what_has_none(tmp_path: Path) -> None:
    assert with_aliases('license = "MIT"', ["a"]) == 'license = "MIT"\naliases = ["a"]\n'
    assert with_aliases("", ["a"]) == 'aliases = ["a"]\n'


@pytest.mark.parametrize("text", ["aliases", "aliases = ["])
def test_what_is_no_toml_is_left_alone(text: str) -> None:
    with pytest.raises(InvalidRequest, match="by hand"):
        with_aliases(text, ["a"])


def test_text_that_only_looks_like_aliases_is_left_alone() -> None:
    text = 'source = """\naliases = [\n"""\n'
    with pytest.raises(InvalidRequest, match="by hand"):
        with_aliases(text, ["a"])


@pytest.mark.parametrize("alias", ["", "a\nb", "x" * 201, " a"])
def test_alias_that_the_daemon_would_refuse_is_refused(alias: str) -> None:
    with pytest.raises(InvalidRequest, match="alias"):
        with_aliases("", [alias])


def test_aliases_are_bounded() -> None:
    with pytest.raises(InvalidRequest, match="32 aliases, not 33"):
        with_aliases("", [f"a{at}" for at in range(33)])


@given(st.lists(st.text(min_size=1, max_size=20).map(fit).filter(bool), max_size=5, unique=True))
def test_aliases_can_be_set_over_and_over(aliases: list[str]) -> None:
    changed = with_aliases(WRITTEN, aliases)
    assert read_aliases(with_aliases(changed, aliases)) == tuple(aliases)
    assert tomllib.loads(changed)["license"] == "MIT" and recorded_sha256(changed) == "f" * 64
