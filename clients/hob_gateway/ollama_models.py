"""Ollama's `/api/tags`, `ps`, `show`, `embed`, `embeddings` and `version`.

Must be a translation and nothing more. Called by ollama.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hob.version import VERSION
from hob_client.errors import NotPermitted
from hob_client.models import Model, ModelDetails, Resident
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import asking, ollama_talk, telling
from hob_gateway.faults import ollama_shape
from hob_gateway.house import House, route, treatment
from hob_gateway.telling import Whole

#: Of Ollama's interface: clients ask whether it is new enough. The program's own is in `hob`.
INTERFACE = "0.12.0"
_ABILITIES = {
    "generate": "completion",
    "chat": "completion",
    "infill": "insert",
    "embed": "embedding",
    "see": "vision",
}


def routes(house: House) -> list[Route]:
    return [
        route(house, "/api/tags", tags, ollama_shape, "GET"),
        route(house, "/api/ps", residents, ollama_shape, "GET"),
        route(house, "/api/show", show, ollama_shape),
        route(house, "/api/embed", embed, ollama_shape),
        route(house, "/api/embeddings", embed_one, ollama_shape),
        route(house, "/api/version", version, ollama_shape, "GET"),
    ]


async def tags(house: House, request: Request) -> Response:
    return Whole({"models": [_tag(model) for model in await house.client.models()]})


async def residents(house: House, request: Request) -> Response:
    """Where the door does not tell of memory it tells which models are there."""
    try:
        found = [_running(resident) for resident in (await house.client.status()).residents]
    except NotPermitted:
        models = await house.client.models()
        found = [_tag(model) for model in models if model.residency == "ready"]
    return Whole({"models": found})


async def show(house: House, request: Request) -> Response:
    name = ollama_talk.model_of(await asking.read_fields(request))
    return Whole(_shown(await house.client.model(name)))


async def embed(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    texts, model = asking.take_texts(fields, "input"), ollama_talk.model_of(fields)
    wishes: dict[str, Any] = dict(treatment(request)) | ollama_talk.keep_alive(fields.get("keep_alive"))
    wishes["chunk_long_inputs"] = asking.take(fields, "truncate", bool, True)
    if (dimensions := asking.take_count(fields, "dimensions")) is not None:
        wishes["dimensions"] = dimensions
    vectors = await telling.whole(request, house.client.embed(model, texts, **wishes))
    if vectors is None:
        return None
    house.count(vectors.receipt)
    told = {"model": model, "embeddings": vectors.vectors}
    return Whole(told | {"prompt_eval_count": vectors.receipt.num_prompt_tokens})


async def embed_one(house: House, request: Request) -> Response | None:
    """The older of the two; one text."""
    fields = await asking.read_fields(request)
    text, model = asking.take(fields, "prompt", str, ""), ollama_talk.model_of(fields)
    vectors = await telling.whole(request, house.client.embed(model, text, **treatment(request)))
    return None if vectors is None else Whole({"embedding": vectors.vectors[0]})


async def version(house: House, request: Request) -> Response:
    return Whole({"version": INTERFACE, "hob": VERSION})


def _tag(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": _moment(model.modified_at),
        "size": model.file_bytes,
        "digest": model.sha256,
        "details": _details(""),
    }


def _running(resident: Resident) -> dict[str, Any]:
    vram = sum(part.measured_bytes for part in resident.memory if part.device.startswith("gpu"))
    return {
        "name": resident.model,
        "model": resident.model,
        "size": resident.resident_bytes,
        "size_vram": vram,
        "digest": "",
        "details": _details(resident.architecture),
        "expires_at": _moment(resident.leaves_at or resident.kept_until),
        "context_length": resident.context_tokens,
    }


def _shown(details: ModelDetails) -> dict[str, Any]:
    facts = {fact.key: fact.value for fact in details.facts}
    architecture = facts.get("general.architecture", facts.get("architecture", ""))
    abilities = details.resident.abilities if details.resident else ("generate",)
    known = dict.fromkeys(_ABILITIES[one] for one in abilities if one in _ABILITIES)
    return {
        "license": details.model.license,
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(architecture),
        "model_info": facts,
        "capabilities": list(known),
        "modified_at": _moment(details.model.modified_at),
    }


def _details(family: str) -> dict[str, Any]:
    families = [family] if family else []
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": families,
        "parameter_size": "",
        "quantization_level": "",
    }


def _moment(at: datetime | None) -> str:
    return (at or datetime.fromtimestamp(0, UTC)).astimezone(UTC).isoformat().replace("+00:00", "Z")
