"""The error table is total, in both directions."""

from __future__ import annotations

from hob.v1 import daemon_pb2 as pb
from hobd import errors
from hobd.api.status import STATUS, detail_of


def all_errors(kind: type[errors.HobError] = errors.HobError) -> set[type[errors.HobError]]:
    return {kind}.union(*(all_errors(child) for child in kind.__subclasses__()))


def test_every_error_has_a_status_and_a_code() -> None:
    assert set(STATUS) == all_errors()


def test_every_code_is_some_errors() -> None:
    assert {code for _, code in STATUS.values()} == set(pb.ErrorCode.values()) - {pb.ERROR_CODE_UNSPECIFIED}


def test_detail_carries_what_a_client_can_act_on() -> None:
    error = errors.PromptTooLong("too long", model="m", needed_tokens=9, available_tokens=5)
    detail = detail_of(error, "r1")
    assert (detail.code, detail.model, detail.request_id) == (pb.ERROR_CODE_PROMPT_TOO_LONG, "m", "r1")
    assert (detail.needed_tokens, detail.available_tokens) == (9, 5)
