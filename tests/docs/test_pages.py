"""Every command of the documentation does what it stands there for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, blocks, script

pytestmark = pytest.mark.model
BINARIES = Path(sys.executable).parent
NAMES = [str(page.relative_to(DOCS)) for page in PAGES]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, starter_model: Path) -> Iterator[Path]:
    """Somebody's home, with the starter model in it and a daemon that the first question starts."""
    made = tmp_path_factory.mktemp("docs")
    (made / "run").mkdir(mode=0o700)
    models = made / ".local/share/hob/models"
    models.mkdir(parents=True)
    for name in (starter_model.name, f"{starter_model.stem}.toml"):
        (models / name).symlink_to(starter_model.parent / name)
    yield made
    run(made, "hob stop --daemon")


def run(home: Path, text: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "PATH": f"{BINARIES}:/usr/local/bin:/usr/bin:/bin",
        "HOB_ENGINE_THREADS": "1",
    }
    if os.geteuid() == 0:  # attest says that a daemon of root's is not confined enough, and is right
        text = re.sub(r"^(hob attest.*)$", r"\1 || test $? = 11", text, flags=re.MULTILINE)
    return subprocess.run(
        ["bash", "-c", text],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_of_a_page_work_in_their_order(page: Path, home: Path) -> None:
    if not (text := script(page, "home")):
        pytest.skip("there is nothing to run on it")
    told = run(home, f"set -x\n{text}")
    assert told.returncode == 0, f"{told.stdout[-1000:]}\n{told.stderr[-2000:]}"


def test_a_command_that_fails_is_seen(home: Path) -> None:
    assert run(home, "set -euo pipefail\nhob models show nobody\ntrue").returncode == 5


def test_nearly_every_command_is_run_here() -> None:
    elsewhere = [block for page in PAGES for block in blocks(page) if not block.world]
    assert len(elsewhere) <= 2
    assert {block.world for page in PAGES for block in blocks(page)} <= {"home", "systemd", ""}
