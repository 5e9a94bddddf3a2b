"""`hob models alias`, `rm`, `gc` and `usage`."""

from __future__ import annotations

import json

import pytest
from hob_client.shelf import tidying

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon


@pytest.fixture(autouse=True)
def shelf(online: RunningDaemon, tiny_bytes: bytes) -> None:
    tidying.remove(list(online.models.iterdir()))
    (online.models / "a.gguf").write_bytes(tiny_bytes)
    (online.models / "b.gguf").write_bytes(tiny_bytes)


def test_model_is_called_by_its_aliases_until_they_are_removed(
    hob: CommandLine, online: RunningDaemon
) -> None:
    (online.models / "a.toml").write_text("# mine\n")
    assert hob("models", "alias", "a", "x", "y").out == "x\ny\n"
    assert json.loads(hob("models", "alias", "x", "y", "--remove", "--json").out) == {
        "model": "a",
        "aliases": ["x"],
    }
    assert (online.models / "a.toml").read_text() == '# mine\naliases = ["x"]\n'


@pytest.mark.parametrize("alias", ["b", "B", "of-b"])
def test_alias_that_means_another_model_is_refused(
    hob: CommandLine, online: RunningDaemon, alias: str
) -> None:
    (online.models / "b.toml").write_text('aliases = ["of-b"]\n')
    told = hob("models", "alias", "a", alias)
    assert told.code == 4 and "is what b is called" in told.err


def test_model_is_removed_with_what_belongs_to_it_alone(hob: CommandLine, online: RunningDaemon) -> None:
    (online.models / "a.adapters").mkdir()
    for name in ("a.toml", "a.jinja", "a.mmproj.gguf", "a.gguf.sig", "a.adapters/l.gguf", "ab.toml"):
        (online.models / name).write_bytes(b"")
    told = json.loads(hob("models", "rm", "a", "--yes", "--json").out)
    assert len(told["removed"]) == 6 and told["removed"][0].endswith("/a.gguf")
    assert {path.name for path in online.models.iterdir()} == {"b.gguf", "ab.toml"}


def test_nothing_is_removed_unasked(hob: CommandLine, online: RunningDaemon) -> None:
    told = hob("models", "rm", "a")
    assert told.code == 4 and "--yes" in told.err and (online.models / "a.gguf").exists()
    assert hob("models", "rm", "nobody", "--yes").code == 5


def test_model_in_memory_is_removed_by_force_alone(
    hob: CommandLine, daemon: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = daemon.add_model("m")
    monkeypatch.setenv("HOB_SOCKET", str(daemon.start().socket))
    hob("load", "m")
    told = hob("models", "rm", "m", "--yes")
    assert told.code == 7 and "is in memory" in told.err and path.exists()
    assert hob("models", "rm", "m", "--yes", "--force").code == 0 and not path.exists()
    with daemon.client() as client:
        assert client.status().residents == ()


def test_what_was_left_behind_is_shown_then_removed(hob: CommandLine, online: RunningDaemon) -> None:
    (online.models / "gone.toml").write_text("")
    assert "belongs to a model that is gone" in hob("models", "gc", "--dry-run").out
    assert hob("models", "gc").code == 4 and (online.models / "gone.toml").exists()
    assert hob("models", "gc", "--yes").code == 0 and not (online.models / "gone.toml").exists()
    assert "nothing to remove" in hob("models", "gc").err


def test_usage_counts_every_model_and_what_is_free(hob: CommandLine) -> None:
    told = json.loads(hob("models", "usage", "--json").out)
    assert [each["model"] for each in told["models"]] == ["a", "b"] and told["free_bytes"] > 0
    assert "(free)" in hob("models", "usage").out
