"""Draws one request: an rpc, a message for it, and how its caller behaves.

Must stay pure: a seed and a number give the same case, so that a run can be repeated from anywhere.
Called by campaign.py and by tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from hob.v1 import inference_pb2 as pb

from tests.fuzz import values
from tests.fuzz.case import Case
from tests.fuzz.values import Dice

#: Models that campaign.py writes; the first ones more often.
MODELS = ("llama", "llama", "llama", "thinker", "mamba", "gemma")
_ODD_MODELS = ("Llama", "none", "", "encoder", "ranker")
_UNKNOWN_ENUM = 77


def draw(seed: int, number: int) -> Case:
    """The case of this number."""
    rng = Dice(f"{seed}:{number}")
    rng.oddness = rng.choice((0.0, 0.1, 0.3, 1.0))
    rpc = rng.choice(tuple(_DRAWS))
    message = _DRAWS[rpc](rng)
    body = message.SerializeToString()
    if rng.odd(0.05):
        body = _damaged(rng, body)
    return Case(
        rpc=rpc,
        body=body,
        origin=f"{seed}:{number}",
        deadline_ms=rng.choice((0, 1, 5, 50)) if rng.random() < 0.06 else None,
        cancel_after_ms=rng.choice((0, 1, 3, 10, 40, 150)) if rng.random() < 0.12 else None,
    )


def _damaged(rng: Dice, body: bytes) -> bytes:
    """Bits flipped, or the end missing: mostly no message any more, sometimes another one."""
    if not body or rng.random() < 0.3:
        return body[: rng.randrange(len(body) + 1)] + rng.randbytes(3)
    place = rng.randrange(min(len(body), 200))
    return body[:place] + bytes([body[place] ^ 1 << rng.randrange(8)]) + body[place + 1 :]


def _maybe(rng: Dice, chance: float, make: Callable[[], Any]) -> Any:
    return make() if rng.random() < chance else None


def _set(**fields: Any) -> dict[str, Any]:
    """Without what is unset."""
    return {name: value for name, value in fields.items() if value is not None}


# ---------------------------------------------------------------------- what several rpcs share


def _model(rng: Dice) -> str:
    return values.name(rng, *(_ODD_MODELS if rng.odd(0.2) else MODELS))


def _options(rng: Dice) -> pb.RequestOptions:
    count = values.count
    options = pb.RequestOptions(
        priority_class=rng.choice((0, 1, 2, 3)),
        cache_domain=values.name(rng, "", "", "a", "b"),
        incognito=rng.random() < 0.2,
        client_request_id=values.name(rng, "", "mine"),
        **_set(
            max_queue_ms=_maybe(rng, 0.1, lambda: count(rng, 0, 1, 1000)),
            max_total_ms=_maybe(rng, 0.1, lambda: count(rng, 0, 1, 20, 1000)),
            keep_alive_seconds=_maybe(rng, 0.05, lambda: count(rng, 0, 1)),
        ),
    )
    if rng.odd(0.15):
        options.truncation_strategy = rng.choice((1, 2))
    if rng.odd(0.02):
        options.priority_class = _UNKNOWN_ENUM
    if rng.odd(0.01):
        options.truncation_strategy = _UNKNOWN_ENUM
    return options


_SAMPLING_RANGES = {
    "temperature": (0, 5),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "top_n_sigma": (0, 100),
    "dynatemp_range": (0, 5),
    "dynatemp_exponent": (0, 10),
    "repeat_penalty": (0.01, 10),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}


def _sampling(rng: Dice) -> pb.Sampling:
    sampling = pb.Sampling()
    for field, (low, high) in _SAMPLING_RANGES.items():
        if rng.random() < 0.12:
            setattr(sampling, field, values.number(rng, low, high))
    if rng.random() < 0.1:
        sampling.top_k = values.count(rng, 0, 1, 5, 1000)
    if rng.random() < 0.1:
        sampling.penalty_last_n = values.count(rng, 0, 1, 64, 1 << 20)
    if rng.random() < 0.3:
        sampling.seed = rng.choice((0, 1, rng.getrandbits(64), (1 << 64) - 1))
    if rng.random() < 0.08:
        sampling.dry.CopyFrom(_dry(rng))
    if rng.random() < 0.08:
        sampling.xtc.probability = values.number(rng, 0, 1)
        sampling.xtc.threshold = values.number(rng, 0, 1)
    if rng.random() < 0.08:
        sampling.mirostat.version = values.count(rng, 1, 2)
        sampling.mirostat.tau = values.number(rng, 0, 100)
        sampling.mirostat.eta = values.number(rng, 0, 1)
    if rng.random() < 0.15:
        for _ in range(1100 if rng.odd(0.1) else rng.choice((1, 5, 5, 260))):
            sampling.logit_bias[values.token(rng)] = values.number(rng, -100, 100)
    if rng.random() < 0.03:  # everything is banned
        sampling.logit_bias.update(dict.fromkeys(range(290), -float("inf")))
    return sampling


def _dry(rng: Dice) -> pb.Dry:
    dry = pb.Dry(
        multiplier=values.number(rng, 0, 10),
        base=values.number(rng, 1, 10),
        allowed_length=values.count(rng, 0, 1, 2, 1024),
        sequence_breakers=[
            values.text(rng, most=2) for _ in range(65 if rng.odd(0.2) else rng.choice((0, 0, 1, 5)))
        ],
    )
    if rng.random() < 0.5:
        dry.penalty_last_n = values.count(rng, 0, 1, 64)
    return dry


def _limits(rng: Dice) -> pb.Limits:
    stops = 17 if rng.odd(0.1) else rng.choice((0, 0, 0, 1, 3))
    return pb.Limits(
        stop=[rng.choice(("e", " ", "\n", "ab", values.text(rng, most=2))) for _ in range(stops)],
        ignore_eos=rng.random() < 0.15,
        **_set(
            max_tokens=_maybe(rng, 0.95, lambda: values.count(rng, 1, 2, 5, 12, 25)),
            logprobs=_maybe(rng, 0.12, lambda: values.count(rng, 0, 1, 20)),
            num_answers=_maybe(rng, 0.03, lambda: values.count(rng, 1)),
        ),
    )


def _response_format(rng: Dice) -> pb.ResponseFormat:
    kind = rng.choice(("json", "json_schema", "json_schema", "regex", "gbnf", "lark", "choice"))
    if kind == "json":
        return pb.ResponseFormat(json=pb.JsonFormat())
    if kind == "json_schema":
        return pb.ResponseFormat(json_schema=values.schema(rng))
    if kind == "choice":
        most = rng.choice((0, 1001)) if rng.odd(0.3) else rng.choice((1, 3, 50))
        return pb.ResponseFormat(
            choice=pb.ChoiceFormat(choices=[values.text(rng, most=3) for _ in range(most)])
        )
    return pb.ResponseFormat(**{kind: values.grammar(rng, kind)})


def _generation(rng: Dice) -> dict[str, Any]:
    return _set(
        model=_model(rng),
        sampling=_sampling(rng),
        limits=_limits(rng),
        options=_options(rng),
    )


def _shape(rng: Dice) -> dict[str, Any]:
    return _set(
        response_format=_maybe(rng, 0.3, lambda: _response_format(rng)),
        loras=_maybe(
            rng, 0.02 * rng.oddness, lambda: [pb.LoraScale(name="x", scale=values.number(rng, 0, 1))]
        ),
    )


# ---------------------------------------------------------------------- one for each rpc


def _generate(rng: Dice) -> pb.GenerateRequest:
    request = pb.GenerateRequest(parse_special=rng.random() < 0.3, **_generation(rng), **_shape(rng))
    roll = rng.random()
    if roll < 0.6:
        request.text = values.text(rng)
    elif not rng.odd(0.05):
        request.tokens.ids.extend(values.tokens(rng))
    return request


def _part(rng: Dice) -> pb.ContentPart:
    if rng.random() < 0.03:
        return pb.ContentPart(media=pb.Media(mime_type=values.text(rng, most=2), data=values.medium(rng)))
    return pb.ContentPart(text=values.text(rng)) if rng.random() < 0.97 else pb.ContentPart()


def _message(rng: Dice, role: str) -> pb.ChatMessage:
    message = pb.ChatMessage(
        role=values.name(rng, role),
        content=[_part(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 5)))],
        name=values.name(rng, "", "", "bob"),
        reasoning=rng.choice(("", "", "", values.text(rng))),
    )
    if role == "assistant" and rng.random() < 0.4:
        for number in range(129 if rng.odd(0.1) else rng.choice((1, 1, 2))):
            id = values.name(rng, f"call_{number}")
            arguments = rng.choice(("", "{}", values.json_text(rng)))
            message.tool_calls.add(id=id, name=values.name(rng, "look", "add"), arguments=arguments)
    if role == "tool" and rng.odd(0.8):
        message.tool_call_id = values.name(rng, "call_0", "call_1")
    return message


def _chat(rng: Dice) -> pb.ChatRequest:
    roles = rng.choice(
        (
            ("user",),
            ("system", "user"),
            ("user", "assistant", "user"),
            ("user", "assistant", "tool"),
            ("system", "user", "assistant", "tool", "tool", "user"),
            ("user", "assistant"),
            ("user",) * 40,
            *(((), ("odd",), ("tool", "system")) if rng.odd(0.5) else ()),
        )
    )
    request = pb.ChatRequest(
        messages=[_message(rng, role) for role in roles],
        parallel_tool_calls=rng.random() < 0.5,
        continue_last_message=roles[-1:] == ("assistant",) or rng.odd(0.1),
        **_generation(rng),
        **_shape(rng),
    )
    if rng.random() < 0.35:
        _add_tools(rng, request)
    for _ in range(rng.choice((0, 0, 0, 0, 1, 3))):
        reserved = ("messages", "tools", "add_generation_prompt") if rng.odd(0.3) else ()
        argument = values.name(rng, "enable_thinking", "x", "thinking", *reserved)
        request.template_arguments[argument] = values.json_text(rng)
    if rng.random() < 0.25:
        if rng.random() < 0.7:
            request.reasoning.enabled = rng.random() < 0.5
        if rng.random() < 0.5:
            request.reasoning.max_tokens = values.count(rng, 0, 1, 5)
    return request


def _add_tools(rng: Dice, request: pb.ChatRequest) -> None:
    names = rng.sample(("look", "add", "a.b-c_9", "x" * 64), rng.randint(1, 4))
    for name in names:
        schema = values.schema(rng) if rng.random() < 0.5 else '{"type": "object", "properties": {}}'
        request.tools.add(name=values.name(rng, name), description=values.text(rng), parameters_schema=schema)
    if rng.odd(0.05):
        for number in range(128):
            request.tools.add(name=f"t{number}")
    if rng.random() < 0.6:
        request.tool_choice.mode = _UNKNOWN_ENUM if rng.odd(0.1) else rng.choice((0, 1, 2, 3, 3, 4, 4))
        if request.tool_choice.mode == pb.ToolChoice.MODE_NAMED or rng.odd(0.05):
            request.tool_choice.name = values.name(rng, *names)


def _infill(rng: Dice) -> pb.InfillRequest:
    return pb.InfillRequest(
        prefix=values.text(rng),
        suffix=values.text(rng),
        path=values.name(rng, "", "src/a.py"),
        context_files=[
            pb.ContextFile(path=values.name(rng, "b.py"), text=values.text(rng))
            for _ in range(257 if rng.odd(0.1) else rng.choice((0, 0, 1, 5)))
        ],
        **_generation(rng),
    )


def _embed(rng: Dice) -> pb.EmbedRequest:
    request = pb.EmbedRequest(
        model=rng.choice(("encoder", "encoder", "ranker", _model(rng))),
        inputs=[values.text(rng, most=4) for _ in range(0 if rng.odd(0.1) else rng.choice((1, 1, 3, 40)))],
        pooling=rng.choice((0, 0, 1, 2, 3, _UNKNOWN_ENUM if rng.odd(0.2) else 0)),
        chunk_long_inputs=rng.random() < 0.5,
        options=_options(rng),
    )
    if rng.random() < 0.3:
        request.normalize = rng.random() < 0.5
    if rng.random() < 0.3:
        request.dimensions = values.count(rng, 1, 8, 32, 33)
    return request


def _rerank(rng: Dice) -> pb.RerankRequest:
    request = pb.RerankRequest(
        model=_model(rng) if rng.odd(0.3) else rng.choice(("ranker", "encoder")),
        query=values.text(rng, most=3),
        documents=[values.text(rng, most=3) for _ in range(0 if rng.odd(0.1) else rng.choice((1, 1, 3, 40)))],
        options=_options(rng),
    )
    if rng.random() < 0.3:
        request.top_n = values.count(rng, 1, 2, 50)
    return request


def _tokenize(rng: Dice) -> pb.TokenizeRequest:
    special = {"add_special": rng.random() < 0.5, "parse_special": rng.random() < 0.5}
    return pb.TokenizeRequest(model=_model(rng), text=values.text(rng), **special)


def _detokenize(rng: Dice) -> pb.DetokenizeRequest:
    return pb.DetokenizeRequest(model=_model(rng), ids=values.tokens(rng))


def _apply_template(rng: Dice) -> pb.ApplyTemplateRequest:
    return pb.ApplyTemplateRequest(chat=_chat(rng))


_DRAWS: dict[str, Callable[[Dice], Message]] = {
    "Generate": _generate,
    "Chat": _chat,
    "Infill": _infill,
    "Embed": _embed,
    "Rerank": _rerank,
    "Tokenize": _tokenize,
    "Detokenize": _detokenize,
    "ApplyTemplate": _apply_template,
}
