"""Which URLs are asked, where redirects lead, who sees a token."""

from __future__ import annotations

import pytest
from hob_client.errors import HobError, InvalidRequest, NotPermitted
from hob_fetch import caution
from hob_fetch.caution import checked, redirected
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("text", ["https://a.example/x", "http://127.0.0.1:8/x", "http://[::1]/x"])
def test_https_is_asked_and_this_machine_by_http(text: str) -> None:
    assert str(checked(text)) == text


@pytest.mark.parametrize(
    "text",
    ["ftp://a/x", "file:///etc/passwd", "a.example/x", "https://", "https://u:p@a.example/x", "h" * 9000],
)
def test_what_is_no_url_to_fetch_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked(text)


def test_http_to_another_machine_is_refused() -> None:
    with pytest.raises(NotPermitted, match="not encrypted"):
        checked("http://a.example/x")


@pytest.mark.parametrize(
    "location",
    [
        "http://b.example/x",
        "https://localhost/x",
        "https://127.1.2.3/",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "file:///etc/passwd",
        "https://u:p@b.example/",
        "//localhost/x",
        "x" * 9000,
    ],
)
def test_redirect_leads_neither_into_this_machine_nor_out_of_encryption(location: str) -> None:
    with pytest.raises(NotPermitted):
        redirected(checked("https://a.example/x"), location)


def test_redirect_may_be_relative() -> None:
    assert str(redirected(checked("https://a.example/x/y"), "../z?q")) == "https://a.example/z?q"


@pytest.mark.parametrize("other", ["https://b.example/", "https://a.example:444/", "http://a.example/"])
def test_token_is_for_the_very_origin_that_was_asked(other: str) -> None:
    import httpx

    assert caution.may_see_token(httpx.URL("https://a.example/x"), httpx.URL("https://A.example:443/y"))
    assert not caution.may_see_token(httpx.URL("https://a.example/x"), httpx.URL(other))


def test_shown_url_has_no_query() -> None:
    assert caution.shown(checked("https://a.example/x?signature=secret#part")) == "https://a.example/x"


@given(st.text(max_size=60))
def test_any_redirect_is_followed_by_https_or_refused(location: str) -> None:
    try:
        target = redirected(checked("https://a.example/x"), location)
    except HobError:
        return
    assert target.scheme == "https" and not caution.is_loopback(target) and not target.userinfo
