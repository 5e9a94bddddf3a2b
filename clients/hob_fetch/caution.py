"""Which URLs may be asked, where a redirect may lead, and who may see a token.

Must be the only judge of that, and pure. Asked by web.py before every single request.
"""

from __future__ import annotations

import ipaddress

import httpx

from hob_fetch.failures import InvalidRequest, NotPermitted

MAX_URL_CHARACTERS = 8192
MAX_REDIRECTS = 5
_PORTS = {"https": 443, "http": 80}


def checked(text: str) -> httpx.URL:
    """A URL that a user, a settings file or a hub named. Raises InvalidRequest or NotPermitted."""
    if len(text) > MAX_URL_CHARACTERS:
        raise InvalidRequest(f"the URL has {len(text)} characters, and may have {MAX_URL_CHARACTERS}")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise InvalidRequest("that is no URL; write https://host/path") from None
    if url.scheme not in _PORTS or not url.host:
        raise InvalidRequest(
            f"hob fetches by https alone, not {url.scheme or 'without a scheme'}; mend the URL"
        )
    if url.userinfo:
        raise InvalidRequest("a URL with a password in it would be kept in places; use a token file instead")
    if url.scheme == "http" and not is_loopback(url):
        raise NotPermitted(f"{shown(url)} is not encrypted; only this machine may be asked by http")
    return url


def redirected(came_from: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. It may not lead into this machine, nor out of encryption."""
    if len(location) > MAX_URL_CHARACTERS:
        raise NotPermitted(f"{shown(came_from)} redirects to a URL without end; it is not followed")
    try:
        target = checked(str(came_from.join(location)))
    except (httpx.InvalidURL, ValueError, InvalidRequest) as error:
        raise NotPermitted(f"{shown(came_from)} redirects to what may not be asked ({_why(error)})") from None
    if is_loopback(target) and not is_loopback(came_from):
        raise NotPermitted(f"{shown(came_from)} redirects into this machine; it is not followed")
    return target


def may_see_token(first: httpx.URL, url: httpx.URL) -> bool:
    """A token is for the host that was asked by name, and for no other that it sends us to."""
    return origin(first) == origin(url)


def origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host.lower(), url.port or _PORTS.get(url.scheme, 0)


def authority(url: httpx.URL) -> str:
    """As a settings file names a host: with its port, unless that is the usual one."""
    _, host, port = origin(url)
    return host if port == _PORTS.get(url.scheme) else f"{host}:{port}"


def is_loopback(url: httpx.URL) -> bool:
    host = url.host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def shown(url: httpx.URL) -> str:
    """Without its query, in which signed URLs have their secret."""
    return str(url.copy_with(query=None, fragment=None))[:200]


def _why(error: Exception) -> str:
    return error.message if isinstance(error, InvalidRequest) else "no URL"
