"""The named parameters of a request: how to choose tokens, when to stop, how to be treated.

Must never send a name that the contract does not have; ranges are the daemon's business, not checked here.
Called by requests.py; the CLI's options have the same names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, TypedDict

from hob.v1 import inference_pb2 as pb

from hob_client.errors import InvalidRequest


class Dry(TypedDict, total=False):
    multiplier: float
    base: float
    allowed_length: int
    penalty_last_n: int
    sequence_breakers: Sequence[str]


class Xtc(TypedDict, total=False):
    probability: float
    threshold: float


class Mirostat(TypedDict, total=False):
    version: int
    tau: float
    eta: float


class Options(TypedDict, total=False):
    """How any request wants to be treated."""

    priority_class: Literal["interactive", "normal", "batch"]
    cache_domain: str
    incognito: bool
    truncation_strategy: Literal["drop_oldest_messages", "keep_end"]
    max_queue_ms: int
    max_total_ms: int
    keep_alive_seconds: int
    client_request_id: str


class Parameters(Options, total=False):
    """All optional; the daemon knows the defaults. See hob/v1/inference.proto for what each does."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    top_n_sigma: float
    dynatemp_range: float
    dynatemp_exponent: float
    repeat_penalty: float
    frequency_penalty: float
    presence_penalty: float
    penalty_last_n: int
    dry: Dry
    xtc: Xtc
    mirostat: Mirostat
    logit_bias: Mapping[int, float]
    seed: int

    max_tokens: int
    stop: str | Sequence[str]
    ignore_eos: bool
    logprobs: int
    num_answers: int

    # The shape of the answer: at most one of these.
    json: bool
    json_schema: str | Mapping[str, Any]
    regex: str
    gbnf: str
    lark: str
    choice: Sequence[str]

    # The model's adapters, by name, each with its scale.
    loras: Mapping[str, float]


# A fault in what the user wrote is named without it.
_TEXTS = frozenset(("stop", "json_schema", "regex", "gbnf", "lark", "choice"))
#: The part of a request that each name belongs to.
PARTS: dict[str, type[Any]] = {
    field.name: part
    for part in (pb.Sampling, pb.Limits, pb.ResponseFormat, pb.RequestOptions)
    for field in part.DESCRIPTOR.fields
}


def build_parts(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """All but the prompt of a request, by field. Raises InvalidRequest for what cannot be one."""
    chosen: dict[type[Any], dict[str, Any]] = {part: {} for part in PARTS.values()}
    for name, value in parameters.items():
        if name == "loras":
            continue  # no part has it
        if name not in PARTS:
            raise InvalidRequest(f"there is no parameter {name!r}{_suggest(name, PARTS)}")
        if name == "json" and not value:
            continue  # any answer will do
        chosen[PARTS[name]][name] = _value(name, value)
    return {
        "sampling": _build(pb.Sampling, chosen),
        "limits": _build(pb.Limits, chosen),
        "options": _build(pb.RequestOptions, chosen),
        **_response_format(chosen),
        **_loras(parameters),
    }


def build_options(options: Mapping[str, Any]) -> pb.RequestOptions:
    """For a request that generates nothing. Raises InvalidRequest for what cannot be one."""
    for name in options:
        if PARTS.get(name) is not pb.RequestOptions:
            known = {option: part for option, part in PARTS.items() if part is pb.RequestOptions}
            raise InvalidRequest(f"there is no option {name!r}{_suggest(name, known)}")
    chosen: pb.RequestOptions = build_parts(options)["options"]
    return chosen


def _loras(parameters: Mapping[str, Any]) -> dict[str, Any]:
    loras = parameters.get("loras")
    if loras is None:
        return {}
    try:
        return {"loras": [pb.LoraScale(name=name, scale=scale) for name, scale in loras.items()]}
    except (AttributeError, TypeError, ValueError):
        raise InvalidRequest(
            "the parameter loras must be a dict of adapters' names and their scales"
        ) from None


def _response_format(chosen: Mapping[type[Any], dict[str, Any]]) -> dict[str, Any]:
    shapes = chosen[pb.ResponseFormat]
    if len(shapes) > 1:
        raise InvalidRequest(f"an answer has one shape; choose one of {', '.join(shapes)}")
    return {"response_format": _build(pb.ResponseFormat, chosen)} if shapes else {}


def _value(name: str, value: Any) -> Any:
    if name == "stop" and isinstance(value, str):
        return [value]  # protobuf would take it for a list of its letters
    if name == "priority_class":
        return _enum(pb.PriorityClass, "PRIORITY_CLASS_", name, value)
    if name == "truncation_strategy":
        return _enum(pb.TruncationStrategy, "TRUNCATION_STRATEGY_", name, value)
    if name == "json":
        return pb.JsonFormat()
    if name == "json_schema" and not isinstance(value, str):
        return _schema_text(value)
    if name == "choice":
        return _choices(value)
    return value


def _schema_text(schema: Any) -> str:
    try:
        return json.dumps(schema, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        fault = "the parameter json_schema holds what JSON has not; make it of dict, list, str and numbers"
    raise InvalidRequest(fault)


def _choices(choices: Any) -> Any:
    if not isinstance(choices, str):
        try:
            return pb.ChoiceFormat(choices=choices)
        except (TypeError, ValueError):
            pass  # what protobuf says would quote them
    raise InvalidRequest("the parameter choice must be a list of valid texts")


def _enum(enum: Any, prefix: str, name: str, value: Any) -> int:
    numbers = {full.removeprefix(prefix).lower(): number for full, number in enum.items() if number}
    if value not in numbers:
        raise InvalidRequest(f"{name} is {value!r}; it must be one of {', '.join(numbers)}")
    number: int = numbers[value]
    return number


def _build(part: type[Any], chosen: Mapping[type[Any], dict[str, Any]]) -> Any:
    message = part()
    for name, value in chosen[part].items():
        try:
            message.MergeFrom(part(**{name: value}))
            refused = ""
        except (TypeError, ValueError) as error:
            refused = "it is no valid text" if name in _TEXTS else str(error)
        if refused:
            raise InvalidRequest(f"the parameter {name} cannot have that value: {refused}")
    return message


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
