"""No request, however odd, costs a worker: a short run of the fuzzer, and what its parts promise."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from hob.v1 import daemon_pb2
from hob.v1 import inference_pb2 as pb

from tests.fuzz import campaign, judge
from tests.fuzz.campaign import Finding
from tests.fuzz.case import Case, read, write
from tests.fuzz.house import House
from tests.fuzz.judge import Outcome
from tests.fuzz.requests import draw
from tests.fuzz.values import CANARY

TOKENIZE = Case(rpc="Tokenize", body=pb.TokenizeRequest(text="a").SerializeToString(), origin="0:0")
GENERATE = Case(rpc="Generate", body=pb.GenerateRequest(text="a").SerializeToString(), origin="0:0")


def failed(code: int, details: str) -> Outcome:
    detail = daemon_pb2.ErrorDetail(code=code).SerializeToString()
    return Outcome(bodies=[], status=grpc.StatusCode.INTERNAL, details=details, error=detail)


@pytest.mark.model
def test_no_request_costs_a_worker_or_leaves_anything_behind(tmp_path: Path) -> None:
    findings: list[Finding] = []
    with House(tmp_path / "home") as house:
        campaign.run(house, (draw(7, number) for number in range(480)), told=findings.append)
    assert not findings


def test_same_number_is_the_same_request() -> None:
    assert [draw(3, number) for number in range(200)] == [draw(3, number) for number in range(200)]
    assert draw(3, 1) != draw(4, 1)


def test_a_written_case_is_read_back_whole(tmp_path: Path) -> None:
    cases = [case for case in (draw(5, number) for number in range(120)) if len(case.body) < 10_000]
    for case in cases:
        again = read(write(case, tmp_path / "case.txt", ["a fault\nof two lines"]))
        # Maps have no order on the wire, and NaN is not itself.
        assert repr(again.request) == repr(case.request)
        assert again.request is not None or again.body == case.body
        assert (again.deadline_ms, again.cancel_after_ms) == (case.deadline_ms, case.cancel_after_ms)


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (failed(daemon_pb2.ERROR_CODE_INTERNAL, "a bug"), "ERROR_CODE_INTERNAL"),
        (failed(daemon_pb2.ERROR_CODE_WORKER_CRASHED, "it died"), "ERROR_CODE_WORKER_CRASHED"),
        (failed(daemon_pb2.ERROR_CODE_INVALID_REQUEST, f"not {CANARY}"), "repeats text"),
        (failed(daemon_pb2.ERROR_CODE_INVALID_REQUEST, "two\nlines"), "no one printable sentence"),
        (Outcome(bodies=[], status=grpc.StatusCode.UNKNOWN), "without its detail"),
        (Outcome(bodies=[], status=None), "did not end in time"),
        (Outcome(bodies=[], status=grpc.StatusCode.OK), "0 replies"),
        (Outcome(bodies=[b"\xff"], status=grpc.StatusCode.OK), "does not decode"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_judge_sees_what_is_wrong(outcome: Outcome, fault: str) -> None:
    assert fault in " ".join(judge.faults(TOKENIZE, outcome))


def test_judge_lets_a_typed_error_pass() -> None:
    refused = failed(daemon_pb2.ERROR_CODE_INVALID_REQUEST, "top_p must be from 0 to 1, not 2")
    assert judge.faults(GENERATE, refused) == []


def test_judge_wants_one_done_at_the_end_of_a_stream() -> None:
    delta = pb.GenerateResponse(event=pb.Event(delta=pb.TokenDelta(text="a", num_tokens=1)))
    outcome = Outcome(bodies=[delta.SerializeToString()], status=grpc.StatusCode.OK)
    assert judge.faults(GENERATE, outcome) == ["a stream that does not end with exactly one done"]
