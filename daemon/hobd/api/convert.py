"""Requests from protobuf to the broker's words, checked once.

Must make no decision beyond "is this a sensible request": every refusal names the field, the value and
the range. Called by the services in api/; the way back is in render.py.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from hob.v1 import inference_pb2 as pb
from hob.v1 import models_pb2

from hobd.api import media, tools
from hobd.api.response_format import constraint
from hobd.broker.forgetting import Wish
from hobd.broker.request import Request
from hobd.config import Config
from hobd.errors import InvalidRequest
from hobd.wire import messages as m

_MAX_STOPS, _MAX_STOP_CHARACTERS = 16, 256
_MAX_LOGPROBS = 20
_MAX_ANSWERS = 16
_MAX_BIASES = 1024
_MAX_LORAS, _MAX_LORA_SCALE, _MAX_LORA_CHARACTERS = 8, 10, 255
_MAX_TOKENS = 1 << 30
_MAX_DOMAIN_CHARACTERS = 256
_MAX_ARGUMENTS, _MAX_NAME_CHARACTERS = 64, 128
_MAX_MESSAGES, _MAX_PARTS = 8192, 1024
_MAX_MS = 7 * 24 * 3600 * 1000
_MAX_KEEP_ALIVE_SECONDS = 365 * 24 * 3600
# No vocabulary has more tokens, and a worker takes a number beyond it for a breach of the contract.
_MAX_TOKEN_ID = (1 << 31) - 1
# Who calls through the owner's door; others are told apart by door and user (door/caller.py).
OWNER = "owner"

# field of pb.Sampling -> the range it must be in
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 5),
    "top_k": (0, 1 << 20),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "top_n_sigma": (0, 100),
    "dynatemp_range": (0, 5),
    "dynatemp_exponent": (0, 10),
    "repeat_penalty": (0.01, 10),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "penalty_last_n": (0, 1 << 20),
}
_PRIORITIES = {
    pb.PRIORITY_CLASS_UNSPECIFIED: 1,
    pb.PRIORITY_CLASS_INTERACTIVE: 0,
    pb.PRIORITY_CLASS_NORMAL: 1,
    pb.PRIORITY_CLASS_BATCH: 2,
}
_TRUNCATIONS = {
    pb.TRUNCATION_STRATEGY_UNSPECIFIED: "",
    pb.TRUNCATION_STRATEGY_DROP_OLDEST_MESSAGES: "drop_oldest_messages",
    pb.TRUNCATION_STRATEGY_KEEP_END: "keep_end",
}


def generate_request(request: pb.GenerateRequest, config: Config, caller: str = OWNER) -> Request:
    """Raises InvalidRequest or NotSupported."""
    kind = request.WhichOneof("prompt")
    if kind is None:
        raise InvalidRequest("the request has no prompt; set `text` or `tokens`")
    prompt: m.Prompt
    if kind == "text":
        check_bytes(len(request.text.encode()), config)
        prompt = m.TextPrompt(request.text, request.parse_special)
    else:
        prompt = m.TokensPrompt(token_ids("tokens", request.tokens.ids, config))
    if request.options.truncation_strategy == pb.TRUNCATION_STRATEGY_DROP_OLDEST_MESSAGES:
        raise InvalidRequest("a raw prompt has no messages to drop; use the truncation strategy KEEP_END")
    return generation(request, prompt, config, caller)


def chat_request(request: pb.ChatRequest, config: Config, caller: str = OWNER) -> Request:
    """Raises InvalidRequest or NotSupported."""
    if request.options.truncation_strategy == pb.TRUNCATION_STRATEGY_KEEP_END:
        raise InvalidRequest(
            "a conversation is not cut inside; use the truncation strategy DROP_OLDEST_MESSAGES"
        )
    tools.check_combination(request)
    return generation(request, chat_prompt(request, config), config, caller)


def chat_prompt(request: pb.ChatRequest, config: Config) -> m.ChatPrompt:
    """What the template will see. Raises InvalidRequest or NotSupported."""
    if not request.messages:
        raise InvalidRequest("the conversation is empty; send at least one message")
    if len(request.messages) > _MAX_MESSAGES:
        raise InvalidRequest(f"there are {len(request.messages)} messages; at most {_MAX_MESSAGES} are taken")
    called: dict[str, str] = {}
    shown: list[bytes] = []
    messages = [_message(index, message, called, shown) for index, message in enumerate(request.messages)]
    messages_json, tools_json = msgspec.json.encode(messages), tools.offered(request)
    arguments = _template_arguments(request)
    prompt_bytes = len(messages_json) + len(tools_json) + len(arguments)
    check_bytes(prompt_bytes, config)
    media.check_sizes(shown, prompt_bytes)
    if request.continue_last_message and messages[-1]["role"] != "assistant":
        raise InvalidRequest("continue_last_message needs the last message to be the assistant's")
    return m.ChatPrompt(
        messages_json,
        tools_json,
        arguments,
        request.continue_last_message,
        tools.calling(request),
        tools.reasoning(request),
        tuple(shown),
    )


def _message(
    index: int, message: pb.ChatMessage, called: dict[str, str], shown: list[bytes]
) -> dict[str, Any]:
    if not message.role:
        raise InvalidRequest(f"message {index} has no role; use system, user or assistant")
    check_characters(f"the role of message {index}", message.role, _MAX_NAME_CHARACTERS)
    check_characters(f"the name of message {index}", message.name, _MAX_NAME_CHARACTERS)
    if len(message.content) > _MAX_PARTS:
        raise InvalidRequest(
            f"message {index} has {len(message.content)} parts; at most {_MAX_PARTS} are taken"
        )
    rendered: dict[str, Any] = {"role": message.role, "content": media.content(index, message, shown)}
    if message.name:
        rendered["name"] = message.name
    if message.reasoning:
        rendered["reasoning_content"] = message.reasoning
    return rendered | tools.turn(index, message, called)


def _template_arguments(request: pb.ChatRequest) -> bytes:
    number = len(request.template_arguments)
    if number > _MAX_ARGUMENTS:
        raise InvalidRequest(f"there are {number} template_arguments; at most {_MAX_ARGUMENTS} are taken")
    arguments = {}
    for name, text in request.template_arguments.items():
        if not name.isidentifier() or len(name) > _MAX_NAME_CHARACTERS:
            raise InvalidRequest(
                f"a name in template_arguments must be 1 to {_MAX_NAME_CHARACTERS} letters, digits or "
                '"_", as templates have them; rename it'
            )
        arguments[name] = tools.json_value(f"template_arguments[{name!r}]", text)
    return msgspec.json.encode(arguments)


# ---------------------------------------------------------------------- what all requests share


def generation(
    request: pb.GenerateRequest | pb.ChatRequest | pb.InfillRequest,
    prompt: m.Prompt,
    config: Config,
    caller: str,
) -> Request:
    """What is to be generated after a prompt. Raises InvalidRequest or NotSupported."""
    # What fills a gap has the shape of what is around it.
    shape = pb.ResponseFormat() if isinstance(request, pb.InfillRequest) else request.response_format
    return Request(
        model=request.model,
        prompt=prompt,
        sampling=sampling(request.sampling),
        limits=limits(request.limits, config),
        num_answers=_num_answers(request.limits),
        loras=_loras(request),
        constraint=constraint(shape, ignores_end=request.limits.ignore_eos),
        **treatment(request.options, caller),
    )


def treatment(options: pb.RequestOptions, caller: str) -> dict[str, Any]:
    """How a request is to be treated: fields of Request. Raises InvalidRequest."""
    check_characters("client_request_id", options.client_request_id, _MAX_NAME_CHARACTERS)
    return {
        "keep_alive_seconds": keep_alive(options),
        "priority": choose("priority_class", options.priority_class, _PRIORITIES),
        "truncation": choose("truncation_strategy", options.truncation_strategy, _TRUNCATIONS),
        "max_queue_ms": _up_to(options, "max_queue_ms", _MAX_MS),
        "max_total_ms": _up_to(options, "max_total_ms", _MAX_MS),
        "caller": caller,
        "client_request_id": options.client_request_id,
        "domain": _cache_domain(options, caller),
    }


def keep_alive(options: pb.RequestOptions | models_pb2.LoadModelRequest) -> int:
    """Seconds; 0 when nothing is asked for. Raises InvalidRequest."""
    return _up_to(options, "keep_alive_seconds", _MAX_KEEP_ALIVE_SECONDS) or 0


def _cache_domain(options: pb.RequestOptions, caller: str) -> str:
    """The domain inside its caller's; empty for a request that must leave nothing."""
    check_characters("cache_domain", options.cache_domain, _MAX_DOMAIN_CHARACTERS)
    return "" if options.incognito else f"{caller}:{options.cache_domain}"


def forget_request(request: models_pb2.ForgetCacheRequest, config: Config, caller: str = OWNER) -> Wish:
    """Whose prefixes are to be forgotten. Raises InvalidRequest."""
    check_characters("cache_domain", request.cache_domain, _MAX_DOMAIN_CHARACTERS)
    domain = request.cache_domain if request.HasField("cache_domain") else None
    return Wish(model=request.model, caller=caller, cache_domain=domain)


def sampling(request: pb.Sampling) -> m.Sampling:
    """Defaults filled in, ranges checked. Raises InvalidRequest."""
    chosen: dict[str, Any] = {}
    for name, (low, high) in _RANGES.items():
        if request.HasField(name):
            chosen[name] = in_range(name, getattr(request, name), low, high)
    if request.HasField("dry"):
        chosen |= _dry(request.dry)
    if request.HasField("xtc"):
        chosen["xtc_probability"] = in_range("xtc.probability", request.xtc.probability, 0, 1)
        chosen["xtc_threshold"] = in_range("xtc.threshold", request.xtc.threshold, 0, 1)
    if request.HasField("mirostat"):
        chosen["mirostat_version"] = in_range("mirostat.version", request.mirostat.version, 1, 2)
        chosen["mirostat_tau"] = in_range("mirostat.tau", request.mirostat.tau, 0, 100)
        chosen["mirostat_eta"] = in_range("mirostat.eta", request.mirostat.eta, 0, 1)
    chosen["logit_bias"] = _logit_bias(request)
    chosen["seed"] = request.seed if request.HasField("seed") else secrets.randbits(63)
    return m.Sampling(**chosen)


def limits(request: pb.Limits, config: Config) -> m.Limits:
    """Raises InvalidRequest or NotSupported."""
    if len(request.stop) > _MAX_STOPS:
        raise InvalidRequest(f"there are {len(request.stop)} stop strings; at most {_MAX_STOPS} are taken")
    for index, stop in enumerate(request.stop):
        if not 1 <= len(stop) <= _MAX_STOP_CHARACTERS:
            raise InvalidRequest(
                f"stop string {index} must have 1 to {_MAX_STOP_CHARACTERS} characters, not {len(stop)}"
            )
    max_tokens = optional(request, "max_tokens")
    if max_tokens is not None:
        in_range("max_tokens", max_tokens, 1, _MAX_TOKENS)
    logprobs = optional(request, "logprobs")
    if logprobs is not None:
        in_range("logprobs", logprobs, 0, _MAX_LOGPROBS)
    return m.Limits(
        max_tokens=max_tokens or config.limits.max_tokens_default or None,
        stop=tuple(request.stop),
        ignore_eos=request.ignore_eos,
        logprobs=logprobs,
    )


def _num_answers(limits: pb.Limits) -> int:
    number = optional(limits, "num_answers")
    return 1 if number is None else int(in_range("num_answers", number, 1, _MAX_ANSWERS))


def _dry(dry: pb.Dry) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "dry_multiplier": in_range("dry.multiplier", dry.multiplier, 0, 10),
        "dry_base": in_range("dry.base", dry.base or 1.75, 1, 10),
        "dry_allowed_length": in_range("dry.allowed_length", dry.allowed_length or 2, 1, 1024),
    }
    if dry.HasField("penalty_last_n"):
        chosen["dry_penalty_last_n"] = in_range("dry.penalty_last_n", dry.penalty_last_n, 0, 1 << 20)
    if dry.sequence_breakers:
        if len(dry.sequence_breakers) > 64 or any(not 1 <= len(b) <= 64 for b in dry.sequence_breakers):
            raise InvalidRequest("dry.sequence_breakers takes at most 64 strings of 1 to 64 characters")
        chosen["dry_sequence_breakers"] = tuple(dry.sequence_breakers)
    return chosen


def _logit_bias(request: pb.Sampling) -> tuple[tuple[int, float], ...]:
    if len(request.logit_bias) > _MAX_BIASES:
        raise InvalidRequest(
            f"logit_bias has {len(request.logit_bias)} tokens; at most {_MAX_BIASES} are taken"
        )
    for token, bias in request.logit_bias.items():
        in_range("a token of logit_bias", token, 0, _MAX_TOKEN_ID)
        if math.isnan(bias) or bias == math.inf:
            raise InvalidRequest(f"logit_bias of token {token} must be a number below infinity, not {bias}")
    return tuple(request.logit_bias.items())


def _loras(request: pb.GenerateRequest | pb.ChatRequest | pb.InfillRequest) -> tuple[m.Lora, ...]:
    loras = request.loras
    if len(loras) > _MAX_LORAS:
        raise InvalidRequest(f"loras has {len(loras)} adapters; at most {_MAX_LORAS} are taken")
    names = [lora.name for lora in loras]
    for index, name in enumerate(names):
        if not 1 <= len(name) <= _MAX_LORA_CHARACTERS:
            raise InvalidRequest(
                f"loras[{index}].name must have 1 to {_MAX_LORA_CHARACTERS} characters, not {len(name)}"
            )
        if name in names[:index]:
            raise InvalidRequest(f"loras[{index}] names the same adapter as an earlier one; name each once")
        in_range(f"loras[{index}].scale", loras[index].scale, -_MAX_LORA_SCALE, _MAX_LORA_SCALE)
    return tuple(m.Lora(lora.name, lora.scale) for lora in loras)


def check_bytes(size: int, config: Config) -> None:
    if size > config.limits.max_prompt_bytes:
        raise InvalidRequest(
            f"the prompt has {size} bytes; limits.max_prompt_bytes allows {config.limits.max_prompt_bytes}"
        )


def token_ids(name: str, ids: Sequence[int], config: Config) -> list[int]:
    """Tokens that some model may have. Raises InvalidRequest."""
    check_bytes(4 * len(ids), config)
    if ids and max(ids) > _MAX_TOKEN_ID:
        raise InvalidRequest(f"{name} must be from 0 to {_MAX_TOKEN_ID}, not {max(ids)}")
    return list(ids)


def check_characters(name: str, text: str, most: int) -> None:
    if len(text) > most:
        raise InvalidRequest(f"{name} must have at most {most} characters, not {len(text)}")


def _up_to(message: Any, name: str, most: int) -> Any:
    value = optional(message, name)
    return None if value is None else in_range(name, value, 0, most)


def in_range(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:  # also false for NaN
        raise InvalidRequest(f"{name} must be from {low} to {high}, not {value:.9g}")
    return value


def choose(name: str, value: int, table: dict[Any, Any]) -> Any:
    if value not in table:
        raise InvalidRequest(f"{name} {value} does not exist in this version of hob")
    return table[value]


def optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None
