"""A wheel, an environment with the client alone, and the tree of a Debian package; each made once.

Must run what was made with nothing of ours in its environment. Used by the tests beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from provision import bundle, deb

PYTHON = Path(f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")


@pytest.fixture(scope="session")
def python() -> Path:
    """The system's own, for which packages are made; where it is another one, that of the tests."""
    return PYTHON if PYTHON.exists() else Path(os.path.realpath(sys.executable))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def client_alone(tmp_path_factory: pytest.TempPathFactory, wheel: Path, python: Path) -> Path:
    """An installation without any extra."""
    root = tmp_path_factory.mktemp("client")
    bundle.make(root, wheel, (), prefix=root, python=python)
    return root


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """What a Debian package installs."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not here")
    root = tmp_path_factory.mktemp("deb") / "root"
    deb.assemble(root, wheel)
    return root


def ask(root: Path, *words: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of an installation, with nothing of ours in its environment."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(home), **environ}
    command = [str(root / "bin" / "python3"), "-I", str(root / "bin" / words[0]), *words[1:]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
