"""The line to a host: certificates, proxies, and what goes over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_client.errors import InvalidRequest, NotPermitted
from hob_fetch.failures import Passing
from hob_fetch.web import Web
from hob_gateway.certificate import own

from tests.hub import Hub


def ask(url: str) -> bytes:
    web = Web({})
    try:
        return web.document(url)[0]
    finally:
        web.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return Path(own(tmp_path, ("127.0.0.1",)).certificate)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_host_whose_certificate_nobody_trusts_is_asked_nothing(certificate: Path) -> None:
    with Hub(certificate=certificate) as hub, pytest.raises(NotPermitted, match="stand in between"):
        ask(f"{hub.url}/x")
    assert hub.asked == []


def test_certificate_that_the_user_names_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Hub(certificate=certificate) as hub:
        hub.serve("/x", b"all")
        assert ask(f"{hub.url}/x") == b"all"


def test_proxy_is_used_if_it_is_set_and_never_for_this_machine(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", hub.url)
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1")
    hub.serve("/x", b"all")
    assert ask(f"{hub.url}/x") == b"all"
    with pytest.raises(Passing):
        ask("https://models.example/x")
    assert hub.asked[-1].path == "CONNECT models.example:443"


def test_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="ALL_PROXY"):
        Web({})


def test_host_that_is_not_there_may_come_back(hub: Hub) -> None:
    gone = hub.url
    hub.__exit__()
    with pytest.raises(Passing, match="cannot be reached"):
        ask(f"{gone}/x")


def test_no_cookie_is_kept(hub: Hub) -> None:
    hub.redirect("/a", "/x")
    hub.paths["/a"].headers["Set-Cookie"] = "who=me"
    hub.serve("/x", b"")
    ask(f"{hub.url}/a")
    assert "Cookie" not in hub.headers_at("/x")[0]
