"""A real VS Code and a real daemon for the tests of the extension.

Must leave nothing behind. Called by pytest; the tests run where `make editors` asks for them by their marker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon import RunningDaemon
from tests.vscode import host as vscode
from tests.vscode.host import Host

STAND_IN = Path(__file__).with_name("stand_in.py")
FILES = {
    "sum.py": "def add(a, b):\n    return a - b\n",
    ".env": "TOKEN=1\n",
    ".gitignore": "ignored.txt\n",
    "ignored.txt": "left out\n",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Minutes of a real editor are no part of a usual run."""
    if "editor" in str(config.option.markexpr):
        return
    for item in items:
        if item.get_closest_marker("editor"):
            item.add_marker(pytest.mark.skip(reason="drives a real VS Code; `make editors` runs it"))


@pytest.fixture(scope="module")
def vscode_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    running = RunningDaemon(tmp_path_factory.mktemp("d") / "home", fake_workers=True)
    running.add_model("tiny")
    running.start()
    yield running
    running.stop()


@contextmanager
def configured(home: Path, socket: Path, *command: str) -> Iterator[Host]:
    """VS Code with a project, asking the daemon of a socket; what completes is the stand-in, or `command`."""
    told = Host(home, {"PATH": os.environ["PATH"], "HOB_SOCKET": str(socket)})
    for name, text in FILES.items():
        (told.folder / name).write_text(text)
    told.configure(hob__command=command or [sys.executable, str(STAND_IN)], hob__startDaemon=False)
    try:
        yield told.start()
    finally:
        told.stop()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, vscode_daemon: RunningDaemon) -> Iterator[Host]:
    if missing := vscode.missing():
        pytest.skip(missing)
    with configured(tmp_path_factory.mktemp("v"), vscode_daemon.socket) as host:
        yield host
