"""OpenAI's `/v1/models` and `/v1/embeddings`. Anthropic's clients ask at the same path.

Must be a translation and nothing more. Called by app.py.
"""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from typing import Any

from hob_client.errors import InvalidRequest, ModelNotFound
from hob_client.models import Model
from hob_client.values import Embeddings
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import asking, telling
from hob_gateway.faults import openai_shape
from hob_gateway.house import House, route, treatment
from hob_gateway.telling import Whole


def routes(house: House) -> list[Route]:
    return [
        route(house, "/v1/models", list_models, openai_shape, "GET"),
        route(house, "/v1/models/{name:path}", show_model, openai_shape, "GET"),
        route(house, "/v1/embeddings", embed, openai_shape),
    ]


async def list_models(house: House, request: Request) -> Response:
    models = [_model(model) for model in await house.client.models()]
    ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {}
    return Whole({"object": "list", "data": models, "has_more": False} | ends)


async def show_model(house: House, request: Request) -> Response:
    name = request.path_params["name"]
    models = await house.client.models()
    for model in models:
        if name in (model.name, *model.aliases):
            return Whole(_model(model))
    names = tuple(model.name for model in models)
    raise ModelNotFound("there is no model of that name", suggestions=names)


def _model(model: Model) -> dict[str, Any]:
    created = model.modified_at or datetime.fromtimestamp(0, UTC)
    return {
        "id": model.name,
        "object": "model",
        "created": int(created.timestamp()),
        "owned_by": "hob",
        "type": "model",
        "display_name": model.name,
        "created_at": created.astimezone(UTC).isoformat(),
    }


async def embed(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    if not isinstance(fields.get("input"), str) and not _are_texts(fields.get("input")):
        raise InvalidRequest(
            "input must be text, or a list of texts; tokens of another model's tokenizer mean nothing here "
            "(LangChain: check_embedding_ctx_length=False)"
        )
    wishes: dict[str, Any] = dict(treatment(request))
    dimensions = asking.take_count(fields, "dimensions")
    if dimensions is not None:
        wishes["dimensions"] = dimensions
    model = asking.take(fields, "model", str, "")
    vectors = await telling.whole(request, house.client.embed(model, fields["input"], **wishes))
    if vectors is None:
        return None
    house.count(vectors.receipt)
    return Whole(_embeddings(vectors, is_packed=fields.get("encoding_format") == "base64"))


def _are_texts(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(text, str) for text in given)


def _embeddings(vectors: Embeddings, *, is_packed: bool) -> dict[str, Any]:
    count = vectors.receipt.num_prompt_tokens
    return {
        "object": "list",
        "model": vectors.receipt.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if is_packed else vector}
            for index, vector in enumerate(vectors.vectors)
        ],
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }


def _packed(vector: tuple[float, ...]) -> str:
    """Little-endian floats in base64, as OpenAI's library asks for."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
