"""The checkout's Python environment: exactly what the locks name, the engine, and hob itself.

Must do nothing, without a network and within a blink, when nothing has changed since it last finished.
Called by scripts/setup.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provision import command, engine, place
from provision.failure import SetupError

STAMP = place.VENV / "hob-setup"
ONLINE = "is this machine online?"


def prepare() -> None:
    """Brings .venv to what the checkout asks for."""
    wanted = _wanted()  # first of all: without a compiler there is no point in going on
    with _only_one():
        if _is_done(wanted):
            return
        began = time.monotonic()
        STAMP.unlink(missing_ok=True)
        _create()
        _install_uv()
        _install(engine.wheel())
        STAMP.write_text(wanted)
        print(f"Set up in {time.monotonic() - began:.0f} s.", file=sys.stderr)


def _is_done(wanted: str) -> bool:
    try:
        return STAMP.read_text() == wanted
    except FileNotFoundError:
        return False


def _wanted() -> str:
    """What an environment depends on; it holds absolute paths, so a copied checkout needs a new one."""
    told = hashlib.sha256()
    for path in (place.ROOT / "pyproject.toml", *sorted(place.LOCKS.glob("*.lock"))):
        told.update(path.read_bytes())
    return f"{told.hexdigest()}\n{engine.digest()}\n{place.ROOT}\n"


def _create() -> None:
    if _works():
        return
    if subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True).returncode:
        raise SetupError(
            f"{sys.executable} comes without venv; "
            "install it (Debian: apt install python3-venv) and run it again"
        )
    command.run("Creating .venv", [sys.executable, "-m", "venv", "--clear", place.VENV], log="venv")


def _works() -> bool:
    """An environment whose Python was upgraded away or moved cannot be mended, only made again."""
    probe = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([place.PYTHON, "-c", probe], capture_output=True).returncode == 0
    except OSError:
        return False


def _install_uv() -> None:
    command.run(
        "Installing the installer",
        [
            *(place.PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps"),
            *("--requirement", place.LOCKS / "bootstrap.lock"),
        ],
        log="venv",
        hint=ONLINE,
    )


def _install(wheel: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as built:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        built.write(f"llama-cpp-python @ {wheel.as_uri()} --hash=sha256:{digest}\n")
        built.flush()
        command.run(
            "Installing dependencies",
            [
                *(place.UV, "pip", "sync", "--python", place.PYTHON, "--compile-bytecode"),
                *("--require-hashes", place.LOCKS / "dev.lock", built.name),
            ],
            log="venv",
            hint=ONLINE,
        )
    command.run(
        "Installing hob",
        [
            *(place.UV, "pip", "install", "--python", place.PYTHON),
            *("--no-deps", "--no-build-isolation", "--editable", place.ROOT),
        ],
        log="venv",
    )


@contextmanager
def _only_one() -> Iterator[None]:
    """Two of `make` at once would install over each other."""
    place.LOGS.mkdir(parents=True, exist_ok=True)
    with (place.LOGS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of this checkout ...", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
