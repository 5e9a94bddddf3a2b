"""What tests of editors ask for: a workspace, a daemon for all of them, a language server, a Neovim.

Must leave no process. Called by pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import RunningDaemon
from tests.editors.language_client import LanguageClient
from tests.editors.neovim import Neovim

_NUMBERS = count()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository, as far as anybody looks."""
    root = tmp_path / "workspace"
    (root / ".git").mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """A daemon with one model, which answers by arithmetic; for tests that leave it as it was."""
    running = RunningDaemon(tmp_path_factory.mktemp("house") / "home", fake_workers=True)
    running.add_model("tiny")
    yield running.start()
    running.stop()


@pytest.fixture
def language_server(house: RunningDaemon, workspace: Path) -> Iterator[Callable[..., LanguageClient]]:
    """Makes a client of a language server; `at`: at a daemon of the test's own, which need not run."""
    made: list[LanguageClient] = []

    def connect(*, at: RunningDaemon = house, **wishes: Any) -> LanguageClient:
        wishes["options"] = {"debounceMs": 0} | wishes.get("options", {})
        client = LanguageClient(at.environment, workspace, **wishes)
        made.append(client)
        return client

    yield connect
    for client in made:
        if client.process.poll() is None:
            errors = client.close()
            assert errors == "", errors


@pytest.fixture
def editor(language_server: Callable[..., LanguageClient]) -> LanguageClient:
    client = language_server()
    client.await_state("ready", "no_fim")
    return client


@pytest.fixture(scope="module")
def running_nvim(house: RunningDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neovim]:
    running = Neovim(house.environment, tmp_path_factory.mktemp("nvim"), settings={"debounceMs": 0})
    yield running
    running.close()


@pytest.fixture
def nvim(running_nvim: Neovim, workspace: Path) -> Iterator[Neovim]:
    """With an empty file of a name that no other test's has."""
    running_nvim.edit(workspace / f"a{next(_NUMBERS)}.py")
    running_nvim.await_state("ready", "no_fim")
    yield running_nvim
    running_nvim.type("<Esc>")
    running_nvim.command("silent! %bwipeout!")
