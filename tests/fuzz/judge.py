"""What a well-formed end is, and which errors the contract knows. Pure.

Must not trust the daemon: it looks at bytes that came, and at nothing else. Called by campaign.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from hob.v1 import daemon_pb2
from hob.v1 import inference_pb2 as pb

from tests.fuzz.case import Case
from tests.fuzz.values import CANARY

_LONGEST_ERROR = 1000
#: What the caller can do nothing about: a bug of ours, whoever sends what.
_OURS = (
    daemon_pb2.ERROR_CODE_UNSPECIFIED,
    daemon_pb2.ERROR_CODE_INTERNAL,
    daemon_pb2.ERROR_CODE_WORKER_CRASHED,
)
_STREAMED = ("Generate", "Chat", "Infill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that came back. `status` is OK, or what the call ended with; None: it did not end in time."""

    bodies: list[bytes] = field(repr=False)
    status: grpc.StatusCode | None
    details: str = field(default="", repr=False)
    error: bytes | None = field(default=None, repr=False)  # the ErrorDetail that rode along
    was_cancelled: bool = False


def faults(case: Case, outcome: Outcome) -> list[str]:
    """What is wrong with it; nothing, if all is well."""
    try:
        replies = case.replies(outcome.bodies)
    except DecodeError:
        return ["a response does not decode"]
    if outcome.status is None:
        return ["it did not end in time"]
    if outcome.status is grpc.StatusCode.OK:
        request = case.request
        return ["nonsense was answered"] if request is None else list(_JUDGES[case.rpc](request, replies))
    return list(_error_faults(case, outcome))


def _error_faults(case: Case, outcome: Outcome) -> Iterator[str]:
    if outcome.was_cancelled and outcome.status is grpc.StatusCode.CANCELLED:
        return
    if case.deadline_ms is not None and outcome.status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return
    if outcome.error is None:
        yield f"an error without its detail: {outcome.status.name}"  # type: ignore[union-attr]
        return
    detail = daemon_pb2.ErrorDetail.FromString(outcome.error)
    if detail.code in _OURS:
        yield f"{daemon_pb2.ErrorCode.Name(detail.code)}: {outcome.details[:200]}"
    if CANARY in outcome.details:
        yield "the error repeats text of the request"
    if not 1 <= len(outcome.details) <= _LONGEST_ERROR or not outcome.details.isprintable():
        yield f"the error is no one printable sentence: {len(outcome.details)} characters"


# ---------------------------------------------------------------------- one for each rpc


def _stream(request: Any, replies: list[Any]) -> Iterator[str]:
    events = [reply.event for reply in replies]
    kinds = [event.WhichOneof("kind") for event in events]
    if kinds.count("done") != 1 or kinds[-1] != "done":
        yield "a stream that does not end with exactly one done"
        return
    done = events[-1].done
    if len(done.answers) != 1 or not done.answers[0].finish_reason:
        yield "done without an answer's finish reason"
        return
    if "started" not in kinds:
        yield "an answer that never started"
    parts = [event.delta for event in events if event.WhichOneof("kind") == "delta"]
    parts += [event.tool_call for event in events if event.WhichOneof("kind") == "tool_call"]
    yield from _count_faults(request, done, parts)
    text = "".join(event.delta.text for event in events if not event.delta.is_reasoning)
    yield from _text_faults(request, done.answers[0], text)


def _count_faults(request: Any, done: Any, parts: list[Any]) -> Iterator[str]:
    told = sum(part.num_tokens for part in parts)
    if told != done.receipt.num_completion_tokens:
        yield f"{told} tokens were told and the receipt has {done.receipt.num_completion_tokens}"
    if request.limits.HasField("max_tokens") and told > request.limits.max_tokens:
        yield f"{told} tokens where max_tokens was {request.limits.max_tokens}"
    logprobs = [entry for part in parts for entry in part.logprobs]
    if len(logprobs) != (told if request.limits.HasField("logprobs") else 0):
        yield f"{len(logprobs)} log-probabilities of {told} tokens"
    if any(math.isnan(entry.logprob) or entry.logprob > 1e-3 for entry in logprobs):
        yield "a log-probability that is none"


def _text_faults(request: Any, answer: Any, text: str) -> Iterator[str]:
    if answer.finish_reason == pb.FINISH_REASON_STOP and answer.stop not in request.limits.stop:
        yield "stopped by a stop string that was not asked for"
    if any(stop in text for stop in request.limits.stop):
        yield "a stop string is in the answer"
    shape = getattr(request, "response_format", None)
    if shape is None or answer.finish_reason != pb.FINISH_REASON_EOS:
        return
    if shape.WhichOneof("format") == "choice" and text not in shape.choice.choices:
        yield "an answer that is none of the choices"
    if shape.WhichOneof("format") in ("json", "json_schema"):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            yield "an answer that is not JSON"


def _embedded(request: Any, replies: list[Any]) -> Iterator[str]:
    kinds = [reply.WhichOneof("kind") for reply in replies]
    if kinds.count("receipt") != 1 or kinds[-1] != "receipt":
        yield "vectors that do not end with one receipt"
    found = [reply.embedding for reply in replies if reply.WhichOneof("kind") == "embedding"]
    if sorted(vector.input for vector in found) != list(range(len(request.inputs))):
        yield "not one vector for each input"
    if not all(math.isfinite(value) for vector in found for value in vector.values):
        yield "a vector with numbers that are none"
    if request.HasField("dimensions") and any(len(v.values) != request.dimensions for v in found):
        yield "a vector that is not as long as it was to be"


def _ranked(request: Any, replies: list[Any]) -> Iterator[str]:
    ranking = replies[0].ranking if len(replies) == 1 else []
    most = request.top_n if request.HasField("top_n") else len(request.documents)
    if len(ranking) != min(most, len(request.documents)):
        yield "not all documents were ranked"
    scores = [entry.score for entry in ranking]
    if not all(map(math.isfinite, scores)) or scores != sorted(scores, reverse=True):
        yield "scores that are no order"


def _one(request: Any, replies: list[Any]) -> Iterator[str]:
    if len(replies) != 1:
        yield f"{len(replies)} replies to one question"


_JUDGES = dict.fromkeys(_STREAMED, _stream) | {
    "Embed": _embedded,
    "Rerank": _ranked,
    "Tokenize": _one,
    "Detokenize": _one,
    "ApplyTemplate": _one,
}
