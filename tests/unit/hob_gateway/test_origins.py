"""The names that a request may call the gateway by, and the pages that may ask it."""

from __future__ import annotations

import pytest
from hob_client.errors import InvalidRequest
from hob_gateway.origins import LOOPBACK, names_of
from hypothesis import given
from hypothesis import strategies as st

LOCAL = names_of(LOOPBACK, 4620, scheme="http")


@pytest.mark.parametrize("host", ["127.0.0.1:4620", "localhost:4620", "LOCALHOST:4620", "[::1]:4620"])
def test_own_names_are_allowed(host: str) -> None:
    assert LOCAL.allows_host(host)


@pytest.mark.parametrize("host", [None, "", "localhost", "localhost:80", "evil:4620", "localhost:4620.evil"])
def test_other_names_are_not(host: str | None) -> None:
    assert not LOCAL.allows_host(host)


@given(st.text())
def test_no_text_but_an_own_origin_is_allowed(origin: str) -> None:
    assert not LOCAL.allows_origin(origin) or origin in LOCAL.origins


@pytest.mark.parametrize("origin", ["*", "null", "example.org", "https://a.b/", "https://a.b/c", "ftp://a"])
def test_origin_that_no_browser_says_is_refused(origin: str) -> None:
    with pytest.raises(InvalidRequest, match="must look like"):
        names_of(LOOPBACK, 1, scheme="http", named=[origin])


def test_usual_port_need_not_be_said() -> None:
    names = names_of(("house.lan",), 443, scheme="https")
    assert names.allows_host("house.lan") and names.allows_origin("https://house.lan")


def test_unix_socket_has_no_pages() -> None:
    names = names_of(LOOPBACK, None, scheme="http")
    assert names.allows_host("localhost") and not names.allows_origin("http://localhost")
