"""The way back from gRPC to errors is total and loses nothing."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
from hob.v1.daemon_pb2 import ErrorCode, ErrorDetail
from hob_client import errors

NAMES = [name for name in ErrorCode.keys() if name != "ERROR_CODE_UNSPECIFIED"]
Status = Enum("Status", ["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "UNKNOWN"])


class Failure:
    """What a failed call of grpcio looks like."""

    def __init__(self, status: Status, detail: bytes | None = None) -> None:
        self._status = status
        self._detail = detail

    def code(self) -> Any:
        return self._status

    def details(self) -> str:
        return "a sentence"

    def trailing_metadata(self) -> Any:
        return [("hob-error-bin", self._detail)] if self._detail is not None else None


def from_detail(**detail: Any) -> errors.HobError:
    serialized = ErrorDetail(**detail).SerializeToString()
    return errors.from_rpc(Failure(Status.UNAVAILABLE, serialized), socket="/s")


@pytest.mark.parametrize("name", NAMES)
def test_every_error_code_has_a_class_of_its_own(name: str) -> None:
    error = from_detail(code=ErrorCode.Value(name))
    assert error.code == name.removeprefix("ERROR_CODE_").lower()
    assert type(error) is errors.BY_CODE[error.code]


def test_no_class_stands_for_a_code_that_does_not_exist() -> None:
    assert {f"ERROR_CODE_{code.upper()}" for code in errors.BY_CODE} == set(NAMES)


def test_detail_arrives_whole() -> None:
    error = from_detail(
        code=ErrorCode.ERROR_CODE_PROMPT_TOO_LONG,
        model="m",
        request_id="r",
        suggestions=["a", "b"],
        needed_tokens=9,
        available_tokens=0,
    )
    assert (error.message, error.model, error.request_id) == ("a sentence", "m", "r")
    assert (error.suggestions, error.needed_tokens, error.available_tokens) == (("a", "b"), 9, 0)
    assert error.retry_after_ms is None


def test_unknown_code_of_a_newer_daemon_is_an_internal_error() -> None:
    assert type(from_detail(code=9999)) is errors.InternalError


def test_garbled_detail_is_an_internal_error() -> None:
    error = errors.from_rpc(Failure(Status.UNKNOWN, b"\xff\xff\xff"), socket="/s")
    assert type(error) is errors.InternalError


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.UNAVAILABLE, errors.DaemonUnreachable),
        (Status.CANCELLED, errors.Cancelled),
        (Status.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (Status.UNIMPLEMENTED, errors.NotSupported),
        (Status.UNKNOWN, errors.InternalError),
    ],
    ids=lambda value: getattr(value, "__name__", None) or value.name,
)
def test_bare_status_has_a_meaning(status: Status, expected: type[errors.HobError]) -> None:
    assert type(errors.from_rpc(Failure(status), socket="/s")) is expected
