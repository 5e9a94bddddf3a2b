"""Asks hosts: every request of hob's to a network is made here.

Must ask `caution` before each hop, follow no redirect by itself, keep no cookie, and hold no more of an
answer than it was told to. Used by the sources, for documents, and by download.py, for streams.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from hob.version import VERSION

from hob_fetch import caution
from hob_fetch.failures import InvalidRequest, ModelNotFound, ModelUnusable, NotPermitted, Passing

MAX_DOCUMENT_BYTES = 8 << 20
_MAX_WAIT_SECONDS = 300.0
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
#: Bytes as they are: a range of what was compressed on the way would be a range of something else.
_ALWAYS = {"Accept-Encoding": "identity", "User-Agent": f"hob-fetch/{VERSION}"}

_NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"
_DIRECT: dict[str, httpx.BaseTransport | None] = {
    f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")
}


class Web:
    """Close it. `tokens` by host; a token goes to its host alone, and only if that was asked by name."""

    def __init__(self, tokens: Mapping[str, str], timeout_seconds: float = 30.0) -> None:
        self._tokens = dict(tokens)
        try:
            # What the environment says of proxies and certificates counts; this machine needs no proxy.
            self._client = httpx.Client(
                timeout=timeout_seconds, follow_redirects=False, trust_env=True, mounts=_DIRECT
            )
        except (ImportError, ValueError, OSError) as error:
            raise InvalidRequest(
                f"the proxy or certificates of the environment cannot be used ({type(error).__name__}); "
                "mend HTTPS_PROXY, ALL_PROXY or SSL_CERT_FILE"
            ) from None

    def close(self) -> None:
        self._client.close()

    def has_token(self, url: str) -> bool:
        return caution.authority(caution.checked(url)) in self._tokens

    def learn_token(self, url: str, token: str) -> None:
        """One that a registry gives for a while to whoever asks."""
        self._tokens[caution.authority(caution.checked(url))] = token

    @contextlib.contextmanager
    def stream(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """The answer at the end of all redirects, whatever its status. Raises Passing if the line is cut."""
        first = current = caution.checked(url)
        with contextlib.ExitStack() as stack, _in_words(first):
            for _ in range(caution.MAX_REDIRECTS + 1):
                response = self._send(stack, first, current, headers or {})
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                current = caution.redirected(current, response.headers.get("location", ""))
                stack.pop_all().close()
        raise NotPermitted(
            f"{caution.shown(first)} redirects more than {caution.MAX_REDIRECTS} times; it is given up"
        )

    def document(
        self, url: str, headers: Mapping[str, str] | None = None, *, most: int = MAX_DOCUMENT_BYTES
    ) -> tuple[bytes, httpx.Headers]:
        """A small answer, whole. Raises as `require_ok` does."""
        with self.stream(url, headers) as response:
            require_ok(response)
            body = bytearray()
            for piece in response.iter_raw(1 << 16):
                body += piece
                if len(body) > most:
                    raise ModelUnusable(
                        f"{caution.shown(response.url)} sends over {most >> 10} KiB where little was asked"
                    )
            return bytes(body), response.headers

    def json(
        self, url: str, headers: Mapping[str, str] | None = None, *, most: int = MAX_DOCUMENT_BYTES
    ) -> Any:
        return parsed(self.document(url, headers, most=most)[0])

    def _send(
        self, stack: contextlib.ExitStack, first: httpx.URL, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Response:
        sent = {**_ALWAYS, **headers}
        if caution.may_see_token(first, url) and (token := self._tokens.get(caution.authority(url))):
            sent["Authorization"] = f"Bearer {token}"
        request = self._client.build_request("GET", url, headers=sent)
        response = self._client.send(request, stream=True)
        stack.callback(response.close)
        self._client.cookies.clear()
        return response


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ModelUnusable("the host answers with something that is no JSON; is it the right one?") from None


def require_ok(response: httpx.Response) -> None:
    """Raises Passing for what may go by itself, else what to do about it."""
    status, where = response.status_code, caution.shown(response.url)
    if status in (200, 206):
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise ModelUnusable(f"{where} sends compressed what was asked for as it is; name another mirror")
        return
    if status in _PASSING:
        raise Passing(f"{where} answers {status}", wait_seconds(response.headers))
    if status in (401, 403):
        raise NotPermitted(
            f"{where} answers {status}: it wants a token (HF_TOKEN, or [tokens] in fetch.toml), "
            "or your consent on its page"
        )
    if status in (404, 410):
        raise ModelNotFound(f"{where} is not there ({status}); check its spelling")
    raise InvalidRequest(f"{where} answers {status}; check the source")


def wait_seconds(headers: Mapping[str, str]) -> float:
    """What Retry-After asks for in seconds, within reason; dates are not waited for."""
    asked = headers.get("retry-after", "")
    return min(float(asked), _MAX_WAIT_SECONDS) if asked.isascii() and asked.isdecimal() else 0.0


@contextlib.contextmanager
def _in_words(url: httpx.URL) -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        if _NOT_TRUSTED in str(error):
            raise NotPermitted(
                f"{url.host} shows a certificate that nobody here trusts: somebody may stand in between; "
                "nothing was asked (SSL_CERT_FILE names certificates of your own)"
            ) from None
        raise Passing(f"{url.host} cannot be reached") from None
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
        raise Passing(f"the line to {url.host} was cut ({type(error).__name__})") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InvalidRequest(
            f"{url.host} cannot be asked ({type(error).__name__}); check the source"
        ) from None
