"""What tests of fetching ask for: a hub on loopback, and a daemon that lets programs use networks.

Must reach nothing but loopback. Called by pytest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon
from tests.hub import Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """A daemon whose user has turned the switch; no worker of it ever starts."""
    running = RunningDaemon(tmp_path_factory.mktemp("online") / "home", fake_workers=False)
    running.start("--set", "network.offline=false")
    yield running
    running.stop()


@pytest.fixture
def hob(
    online: RunningDaemon,
    hub: Hub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> CommandLine:
    """`hob` in this process, whose hubs are all the one on loopback."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "fetch.toml").write_text(f'[mirrors]\nollama = "{hub.url}"\npackages = "{hub.url}/simple"\n')
    said = {"HOB_SOCKET": str(online.socket), "HOB_CONFIG": str(tmp_path / "config.toml")}
    for name, value in {**said, "HF_ENDPOINT": hub.url, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return CommandLine(capsys, monkeypatch)


@pytest.fixture
def tiny_bytes(tiny_model: Path) -> bytes:
    return tiny_model.read_bytes()
