"""Where the gateway listens, and where it refuses to."""

from __future__ import annotations

import socket

import pytest
from hob_client.errors import InvalidRequest, NotPermitted
from hob_gateway.listening import Address, check_reach, listen, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address(host="127.0.0.1", port=80)),
        ("localhost:0", Address(host="127.0.0.1", port=0)),
        ("[::1]:4620", Address(host="::1", port=4620)),
        ("unix:/run/g.sock", Address(path="/run/g.sock")),
    ],
)
def test_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address and address.is_loopback


@pytest.mark.parametrize(
    "text", ["", "4620", "example.org:80", "127.0.0.1:", "127.0.0.1:65536", "unix:g.sock"]
)
def test_odd_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"must (look like|be an absolute path)"):
        parse_address(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "fe80::1"])
def test_network_wants_to_be_named(host: str) -> None:
    with pytest.raises(NotPermitted, match="--lan"):
        check_reach(Address(host=host, port=1), lan=False)
    check_reach(Address(host=host, port=1), lan=True)


def test_small_answers_are_sent_at_once() -> None:
    """asyncio asks the socket's protocol whether to wait for more; a nameless one costs 40 ms an answer."""
    listening, _ = listen(Address(host="127.0.0.1", port=0))
    with listening:
        assert listening.proto == socket.IPPROTO_TCP
