"""OpenAI's `/v1/completions`: raw text, several prompts, and gaps (`suffix`).

Must be a translation and nothing more. Called by app.py.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from hob_client.errors import InvalidRequest
from hob_client.events import Event
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import asking, openai_talk, telling
from hob_gateway.asking import Fields
from hob_gateway.faults import openai_shape
from hob_gateway.house import House, gather_logged, route, streamed, treatment
from hob_gateway.openai_chat import END, MANNER
from hob_gateway.telling import Pieces, Whole, sse

MAX_PROMPTS = 16
_REFUSED = ("best_of_logprobs", "prediction")
Prompt = str | list[int]


def routes(house: House) -> list[Route]:
    return [route(house, "/v1/completions", complete, openai_shape)]


async def complete(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    asking.refuse(fields, _REFUSED)
    prompts = _prompts(fields.get("prompt", ""))
    wishes = _wishes(fields) | treatment(request)
    model = asking.take(fields, "model", str, "")
    head = {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(house.now()),
        "model": model,
    }
    if asking.take(fields, "stream", bool, False):
        if len(prompts) > 1:
            raise InvalidRequest(f"a stream has one prompt, not {len(prompts)}; ask once for each")
        events = _events(house, model, prompts[0], fields, wishes)
        return await streamed(house, request, events, lambda begun: _pieces(begun, head, fields), MANNER)
    completion = await telling.whole(request, _complete_all(house, model, prompts, fields, wishes, head))
    return None if completion is None else Whole(completion)


def _prompts(prompt: Any) -> list[Prompt]:
    """A text, texts, tokens, or lists of tokens."""
    if isinstance(prompt, str) or (isinstance(prompt, list) and prompt and isinstance(prompt[0], int)):
        return [prompt]
    if not isinstance(prompt, list) or not all(isinstance(one, str | list) for one in prompt):
        raise InvalidRequest("prompt must be text, tokens, or a list of them")
    if not 1 <= len(prompt) <= MAX_PROMPTS:
        raise InvalidRequest(f"there must be 1 to {MAX_PROMPTS} prompts, not {len(prompt)}")
    return prompt


def _wishes(fields: Fields) -> dict[str, Any]:
    wishes = openai_talk.sampling_of(fields)
    wishes |= openai_talk.shape_of(asking.take(fields, "response_format", dict))
    limit = asking.take_count(fields, "max_tokens")
    wishes["max_tokens"] = 16 if limit is None else limit  # as OpenAI's own, which people count on
    logprobs = asking.take_count(fields, "logprobs")
    return wishes if logprobs is None else wishes | {"logprobs": logprobs}


def _events(
    house: House, model: str, prompt: Prompt, fields: Fields, wishes: dict[str, Any]
) -> AsyncGenerator[Event, None]:
    suffix = asking.take(fields, "suffix", str)
    if suffix is None:
        return house.client.generate(model, prompt, **wishes)
    if not isinstance(prompt, str):
        raise InvalidRequest("with a suffix the prompt must be text")
    return house.client.infill(model, prompt, suffix, **wishes)


async def _complete_all(
    house: House,
    model: str,
    prompts: list[Prompt],
    fields: Fields,
    wishes: dict[str, Any],
    head: dict[str, Any],
) -> dict[str, Any]:
    choices: list[dict[str, Any]] = []
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    echo = asking.take(fields, "echo", bool, False)
    for prompt in prompts:
        answer, logs = await gather_logged(house, _events(house, model, prompt, fields, wishes))
        head["model"] = answer.receipt.model or model
        for index, one in enumerate((answer, *answer.others)):
            reason = openai_talk.FINISH.get(one.finish_reason, "stop")
            text = prompt + one.text if echo and isinstance(prompt, str) else one.text
            choices.append(_choice(len(choices), text, reason, logs.get(index)))
        for name in usage:
            usage[name] += openai_talk.usage_of(answer.receipt)[name]
    return head | {"choices": choices, "usage": usage}


async def _pieces(events: AsyncGenerator[Event, None], head: dict[str, Any], fields: Fields) -> Pieces:
    options = asking.take(fields, "stream_options", dict, {})
    async with aclosing(events):
        async for event in events:
            if event.kind == "delta":
                choice = _choice(event.answer, event.text, None, event.logprobs)
                yield sse(head | {"choices": [choice]})
            elif event.done is not None:
                for index, reason in openai_talk.reasons_of(event).items():
                    yield sse(head | {"choices": [_choice(index, "", reason, None)]})
                if options.get("include_usage"):
                    yield sse(head | {"choices": [], "usage": openai_talk.usage_of(event.done)})
    yield END


def _choice(index: int, text: str, reason: str | None, logs: Any) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": _logprobs(logs), "finish_reason": reason}


def _logprobs(logs: Any) -> dict[str, Any] | None:
    if not logs:
        return None
    ones = [openai_talk.logprob(one) for one in logs]
    return {
        "tokens": [one["token"] for one in ones],
        "token_logprobs": [one["logprob"] for one in ones],
        "top_logprobs": [{top["token"]: top["logprob"] for top in one["top_logprobs"]} for one in ones],
        "text_offset": [],
    }
