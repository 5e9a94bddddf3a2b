"""The daemon may come and go behind a gateway that stays."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway

ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}


def test_gateway_finds_its_daemon_again(tmp_path: Path) -> None:
    gateway = RunningGateway(tmp_path / "home", tmp_path / "hob.sock")
    statuses = []
    with FakeDaemon(tmp_path / "hob.sock"):
        gateway.start()
        with gateway.http() as http:
            statuses.append(http.post("/v1/chat/completions", json=ASKED).status_code)
    try:
        with gateway.http() as http:
            statuses.append(http.post("/v1/chat/completions", json=ASKED).status_code)
            with FakeDaemon(tmp_path / "hob.sock"):
                statuses.append(http.post("/v1/chat/completions", json=ASKED).status_code)
    finally:
        gateway.stop()
    assert statuses == [200, 503, 200]
