"""Nothing but an absolute path is ever dialled."""

from __future__ import annotations

import pytest
from hob_client import Client
from hob_client.errors import InvalidRequest, NotPermitted
from hob_client.socket_path import resolve, target


@pytest.mark.parametrize("bad", ["dns:///example", "localhost:50051", "unix:/run/x", "hob.sock", "", "/a\0b"])
def test_what_is_no_absolute_path_is_refused_before_grpc_sees_it(bad: str) -> None:
    with pytest.raises(InvalidRequest, match="absolute path"):
        Client(bad)


def test_path_too_long_for_the_system_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="longer than"):
        resolve("/" + "x" * 200)


def test_environment_names_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOB_SOCKET", "/somewhere/hob.sock")
    assert resolve(None) == "/somewhere/hob.sock"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/run/hob.sock", "unix:/run/hob.sock"), ("/a b?#%é", "unix:/a%20b%3F%23%25%C3%A9")],
    ids=["plain", "awkward"],
)
def test_target_is_always_a_valid_uri_of_the_unix_scheme(path: str, expected: str) -> None:
    assert target(path) == expected


def test_default_place_owned_by_somebody_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.delenv("HOB_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"{tmp_path}")
    monkeypatch.setattr("os.lstat", lambda path: type("Stat", (), {"st_uid": 4242}))
    with pytest.raises(NotPermitted, match="4242"):
        resolve(None)
