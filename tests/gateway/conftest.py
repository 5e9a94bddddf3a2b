"""A gateway in front of a daemon that says what a test tells it to.

Must keep no state between tests but the processes. Called by pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.daemon import FakeDaemon, tell
from tests.running_gateway import RunningGateway


@pytest.fixture(scope="session")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, FakeDaemon]]:
    home = tmp_path_factory.mktemp("gateway")
    with FakeDaemon(home / "hob.sock") as daemon:
        gateway = RunningGateway(home / "home", home / "hob.sock").start("--rate", "10000")
        yield gateway, daemon
        gateway.stop()


@pytest.fixture
def gateway(_pair: tuple[RunningGateway, FakeDaemon]) -> RunningGateway:
    return _pair[0]


@pytest.fixture
def door(_pair: tuple[RunningGateway, FakeDaemon]) -> FakeDaemon:
    """What is behind it: `script` is what it answers, `requests` what it was asked."""
    daemon = _pair[1]
    daemon.script, daemon.refusal = tell("Hello", ", hob!"), None
    daemon.requests.clear()
    daemon.was_cancelled.clear()
    return daemon
