"""Who gets past the gateway's guard, over real sockets."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from tests.daemon import RunningDaemon
from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway


def test_page_that_dns_led_here_is_refused(gateway: RunningGateway, door: FakeDaemon) -> None:
    with gateway.http(host="evil.example:80") as http:
        assert http.get("/v1/models").status_code == 421
        assert http.get("/health").status_code == 421
    assert not door.requests


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", ""])
def test_page_of_another_origin_is_refused(gateway: RunningGateway, door: FakeDaemon, origin: str) -> None:
    with gateway.http(origin=origin) as http:
        assert http.get("/v1/models").status_code == 403
        asked = http.options("/v1/models", headers={"access-control-request-method": "POST"})
        assert asked.status_code == 403 and "access-control-allow-origin" not in asked.headers
    assert not door.requests


def test_own_page_may_ask(gateway: RunningGateway, door: FakeDaemon) -> None:
    with gateway.http(origin=gateway.url) as http:
        answer = http.get("/v1/models")
    assert answer.status_code == 200 and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic dDp0", "Bearer " + "x" * 5000])
def test_everything_but_a_valid_token_is_refused(
    gateway: RunningGateway, door: FakeDaemon, authorization: str
) -> None:
    with gateway.http(authorization=authorization) as http:
        assert http.post("/v1/chat/completions", json={}).status_code in (401, 429)
    assert not door.requests


def test_stranger_learns_only_that_it_is_there(gateway: RunningGateway) -> None:
    with httpx.Client(base_url=gateway.url, trust_env=False) as http:
        assert http.get("/health").json() == {"status": "ok"}
        for path in ("/metrics", "/hob/status", "/nothing"):
            assert http.get(path).status_code in (401, 429)


def test_revoked_token_is_refused_at_once(gateway: RunningGateway, door: FakeDaemon) -> None:
    secret = gateway.add_token("brief")
    with gateway.http(authorization=f"Bearer {secret}") as http:
        assert http.get("/v1/models").status_code == 200
        assert gateway.command("gateway", "token", "revoke", "brief").returncode == 0
        assert http.get("/v1/models").status_code in (401, 429)


def test_only_digests_are_kept(gateway: RunningGateway) -> None:
    kept = gateway.home / ".local/state/hob/gateway/tokens.json"
    assert gateway.token not in kept.read_text() and kept.stat().st_mode & 0o777 == 0o600
    assert gateway.token not in gateway.command("--json", "gateway", "token", "list").stdout


def test_token_without_manage_does_not_manage(gateway: RunningGateway, door: FakeDaemon) -> None:
    with gateway.http() as http:
        told = http.post("/api/generate", json={"model": "tiny", "keep_alive": 0})
        assert (told.status_code, "may infer only" in told.json()["error"]) == (403, True)
        assert http.post("/api/pull", json={"model": "x"}).status_code == 403
    assert not door.requests


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "JSON object"),
        (b"[]", "JSON object"),
        (b'{"a":' * 5000, "JSON object"),
        (b'{"model": 7}', "model must be text"),
        (b'{"messages": "secret words"}', "messages must be a list"),
        (b'{"messages": [{"content": ["secret words"]}]}', "list of parts"),
        (b'{"temperature": NaN, "messages": []}', "JSON object"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "deeper than 100"),
    ],
)
def test_odd_body_is_refused_without_being_quoted(gateway: RunningGateway, body: bytes, words: str) -> None:
    with gateway.http() as http:
        told = http.post("/v1/chat/completions", content=body)
    assert told.status_code == 400
    assert words in told.json()["error"]["message"] and "secret" not in told.text


def test_body_that_says_it_is_too_large_is_refused_unread(gateway: RunningGateway) -> None:
    head = f"POST /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nContent-Length: {1 << 30}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(100)


def test_head_that_is_too_large_is_refused(gateway: RunningGateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX: " + b"y" * 40_000)
        assert b" 400 " in connection.recv(100)


def test_unix_socket_is_the_owners_alone(gateway: RunningGateway, door: FakeDaemon, tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    other = RunningGateway(tmp_path / "home", gateway.socket).start(listen=f"unix:{path}")
    try:
        assert path.stat().st_mode & 0o777 == 0o600
        transport = httpx.HTTPTransport(uds=str(path))
        headers = {"authorization": f"Bearer {other.token}"}
        with httpx.Client(transport=transport, base_url="http://localhost", headers=headers) as http:
            assert http.get("/v1/models").status_code == 200
    finally:
        other.stop()
    assert not path.exists()


def test_named_origin_may_ask(gateway: RunningGateway, door: FakeDaemon, tmp_path: Path) -> None:
    page = "https://page.example"
    other = RunningGateway(tmp_path / "home", gateway.socket).start("--origin", page)
    try:
        with other.http(origin=page) as http:
            assert http.get("/v1/models").headers["access-control-allow-origin"] == page
            assert http.options("/v1/models").status_code == 204
        with other.http(origin="https://page.example.evil") as http:
            assert http.get("/v1/models").status_code == 403
    finally:
        other.stop()


def test_network_is_refused_unless_it_is_said(gateway: RunningGateway) -> None:
    told = gateway.command("--json", "gateway", "run", "--listen", "0.0.0.0:0")
    assert told.returncode == 9 and "--lan" in json.loads(told.stderr)["error"]["message"]


def test_network_is_refused_while_hob_is_offline(
    gateway: RunningGateway, daemon: RunningDaemon, tmp_path: Path
) -> None:
    other = RunningGateway(tmp_path / "gateway", daemon.start().socket)
    told = other.command("--json", "gateway", "run", "--lan", "--listen", "0.0.0.0:0")
    assert told.returncode == 9 and "hob is offline" in json.loads(told.stderr)["error"]["message"]


def test_network_is_served_encrypted_and_says_so(
    gateway: RunningGateway, door: FakeDaemon, tmp_path: Path
) -> None:
    other = RunningGateway(tmp_path / "home", gateway.socket)
    other.start("--lan", "--host", "127.0.0.1", listen="0.0.0.0:0")
    try:
        assert "SHA-256 fingerprint" in other.log and "can use your models" in other.log
        url = f"https://127.0.0.1:{other.port}"
        trust = ssl.create_default_context(cafile=other.home / ".local/state/hob/gateway/certificate.pem")
        headers = {"authorization": f"Bearer {other.token}"}
        assert (
            httpx.get(f"{url}/v1/models", headers=headers, verify=trust, trust_env=False).status_code == 200
        )
        with socket.create_connection(("127.0.0.1", other.port)) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1" not in plain.recv(100)
    finally:
        other.stop()
