"""What tests of editors ask for: a workspace, and a language server at a daemon.

Must leave no process. Called by pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import RunningDaemon
from tests.editors.language_client import LanguageClient


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository, as far as anybody looks."""
    root = tmp_path / "workspace"
    (root / ".git").mkdir(parents=True)
    return root


@pytest.fixture
def language_server(daemon: RunningDaemon, workspace: Path) -> Iterator[Callable[..., LanguageClient]]:
    """Makes a client of a language server at the daemon, which need not run."""
    made: list[LanguageClient] = []

    def connect(**wishes: Any) -> LanguageClient:
        client = LanguageClient(daemon.environment, workspace, **wishes)
        made.append(client)
        return client

    yield connect
    for client in made:
        if client.process.poll() is None:
            errors = client.close()
            assert errors == "", errors


@pytest.fixture
def editor(daemon: RunningDaemon, language_server: Callable[..., LanguageClient]) -> LanguageClient:
    """At a daemon with one model, which answers by arithmetic."""
    daemon.add_model("tiny")
    daemon.start()
    client = language_server(options={"debounceMs": 0})
    client.await_state("ready")
    return client
