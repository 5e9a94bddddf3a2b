"""The administrator's file wins over whatever a user says, and nobody else can write it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hobd.config import decided_by, load
from hobd.errors import ConfigError

OFFLINE = "network.offline"
LOADING = sys.modules["hobd.config.load"]  # the folder gives its name to the function


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if this test's user were root."""
    monkeypatch.setattr(LOADING, "_ROOT", os.getuid())
    path = tmp_path / "etc" / "policy.toml"
    path.parent.mkdir(mode=0o755)
    path.write_text("[network]\noffline = true\n")
    path.chmod(0o644)
    return path


def test_policy_wins_over_file_environment_and_flags(tmp_path: Path, policy: Path) -> None:
    (tmp_path / "user.toml").write_text("[network]\noffline = false\n")
    said = (tmp_path / "user.toml", {"HOB_NETWORK_OFFLINE": "false"}, ["network.offline=false"])
    assert load(*said, policy).network.offline
    assert decided_by(OFFLINE, *said, policy) == f"{policy}:2"


@pytest.mark.parametrize(
    ("environ", "flags", "where"),
    [
        ({}, [], "default"),
        ({"HOB_NETWORK_OFFLINE": "false"}, [], "HOB_NETWORK_OFFLINE"),
        ({"HOB_NETWORK_OFFLINE": "false"}, ["network.offline=true"], "--set network.offline"),
    ],
)
def test_what_decided_is_told(tmp_path: Path, environ: dict[str, str], flags: list[str], where: str) -> None:
    assert decided_by(OFFLINE, None, environ, flags, tmp_path / "none") == where


def test_policy_leaves_what_it_does_not_name(policy: Path) -> None:
    assert load(None, {}, ["engine.lanes=3"], policy).engine.lanes == 3


def test_mistake_in_the_policy_is_an_error(policy: Path) -> None:
    policy.write_text("[network]\noffline = 3\n")
    with pytest.raises(ConfigError, match=r"policy\.toml:2: network\.offline must be"):
        load(None, {}, [], policy)


@pytest.mark.parametrize(("which", "mode"), [("file", 0o664), ("file", 0o646), ("folder", 0o775)])
def test_policy_that_others_could_write_is_an_error(policy: Path, which: str, mode: int) -> None:
    (policy if which == "file" else policy.parent).chmod(mode)
    with pytest.raises(ConfigError, match="writable by nobody else"):
        load(None, {}, [], policy)


def test_policy_that_is_not_roots_is_an_error(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOADING, "_ROOT", os.getuid() + 1)
    with pytest.raises(ConfigError, match="must belong to root"):
        load(None, {}, [], policy)


def test_policy_that_cannot_be_looked_at_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be looked at"):
        load(None, {}, [], tmp_path / "file" / "policy.toml")
