"""The gateway's own description, `/openapi.json`: every route, what it takes, what it answers.

Must be true: a test compares it with the routes, and another sends what it allows. Called by app.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hob.version import VERSION
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway.faults import STATUSES, openai_shape
from hob_gateway.house import House, route
from hob_gateway.openapi_schemas import ANSWERS, ERRORS, REQUESTS, ref
from hob_gateway.telling import Whole

PATH = "/openapi.json"
_SSE, _NDJSON = "text/event-stream", "application/x-ndjson"
_PIECES = {_SSE: "Event", _NDJSON: "OllamaAnswer"}
#: What the guard says to whom it does not let in, and what a daemon's errors become.
_STATUSES = sorted({*STATUSES.values(), 401, 403, 413, 421, 429})


@dataclass(frozen=True, slots=True)
class Operation:
    words: str
    answer: str
    asked: str = ""
    streams_as: str = ""
    method: str = "post"
    is_open: bool = False


OPERATIONS: dict[str, Operation] = {
    "/v1/chat/completions": Operation("Answer a conversation.", "ChatAnswer", "Chat", _SSE),
    "/v1/completions": Operation("Continue a text.", "CompletionAnswer", "Completion", _SSE),
    "/v1/responses": Operation("Answer; go on with an earlier one.", "ResponseAnswer", "Response", _SSE),
    "/v1/responses/{name}": Operation("Forget a response.", "Deleted", method="delete"),
    "/v1/embeddings": Operation("Make vectors of texts.", "EmbeddingAnswer", "Embedding"),
    "/v1/models": Operation("List the models.", "Models", method="get"),
    "/v1/models/{name}": Operation("Tell of one model.", "Model", method="get"),
    "/v1/messages": Operation("Answer a conversation.", "MessageAnswer", "Message", _SSE),
    "/v1/messages/count_tokens": Operation("Count the tokens of a prompt.", "CountAnswer", "Count"),
    "/api/chat": Operation("Answer a conversation.", "OllamaAnswer", "OllamaChat", _NDJSON),
    "/api/generate": Operation("Answer a prompt; load a model.", "OllamaAnswer", "OllamaGenerate", _NDJSON),
    "/api/embed": Operation("Make vectors of texts.", "OllamaVectors", "OllamaEmbed"),
    "/api/embeddings": Operation("Make a vector of a text.", "OllamaVector", "OllamaEmbedOne"),
    "/api/tags": Operation("List the models.", "OllamaModels", method="get"),
    "/api/ps": Operation("List the models in memory.", "OllamaModels", method="get"),
    "/api/show": Operation("Tell of one model.", "OllamaShown", "OllamaName"),
    "/api/version": Operation("Tell the version.", "Version", method="get"),
    "/api/pull": Operation("Always refused: the gateway reaches no network.", "", "OllamaName"),
    "/api/push": Operation("Always refused: the gateway reaches no network.", "", "OllamaName"),
    "/api/create": Operation("Always refused: the gateway writes no file.", "", "OllamaName"),
    "/api/copy": Operation("Always refused: the gateway writes no file.", "", "OllamaName"),
    "/api/delete": Operation("Always refused: the gateway writes no file.", "", method="delete"),
    "/infill": Operation("Fill a gap.", "RawAnswer", "Infill", _SSE),
    "/completion": Operation("Continue a text.", "RawAnswer", "RawCompletion", _SSE),
    "/tokenize": Operation("Turn text into tokens.", "Tokens", "Tokenize"),
    "/detokenize": Operation("Turn tokens into text.", "Content", "Detokenize"),
    "/apply-template": Operation("Render a conversation.", "Prompt", "ApplyTemplate"),
    "/rerank": Operation("Sort documents by a query.", "Ranking", "Rerank"),
    "/v1/rerank": Operation("Sort documents by a query.", "Ranking", "Rerank"),
    "/health": Operation("Say that it is there.", "Health", method="get", is_open=True),
    "/metrics": Operation("Counts, as Prometheus reads them.", "", method="get"),
    "/hob/status": Operation("Tell who is in memory.", "Status", method="get"),
    "/hob/wires": Operation("Tell what could touch a network.", "Wires", method="get"),
    "/hob/attest": Operation("Try the walls.", "Attestation", method="get"),
    PATH: Operation("This description.", "Document", method="get", is_open=True),
}


def routes(house: House) -> list[Route]:
    told = document()

    async def tell(house: House, request: Request) -> Response:
        return Whole(told)

    return [route(house, PATH, tell, openai_shape, "GET")]


def document() -> dict[str, Any]:
    words = "OpenAI's, Anthropic's, Ollama's and llama-server's HTTP in front of a local hobd."
    return {
        "openapi": "3.1.0",
        "info": {"title": "hob gateway", "version": VERSION, "description": words},
        "security": [{"bearer": []}, {"key": []}],
        "paths": {path: {one.method: _operation(path, one)} for path, one in OPERATIONS.items()},
        "components": {
            "schemas": REQUESTS | ANSWERS | ERRORS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _operation(path: str, one: Operation) -> dict[str, Any]:
    error = {"application/json": {"schema": ref(_error_of(path))}}
    refusal = {"description": "A sentence: what was wrong, and what to do.", "content": error}
    told: dict[str, Any] = {
        "operationId": f"{one.method} {path}",
        "summary": one.words,
        "tags": [_dialect_of(path)],
        "responses": _answers(path, one) | {str(status): refusal for status in _STATUSES},
    }
    if one.asked:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(one.asked)}}}
    if names := re.findall(r"{(\w+)}", path):
        told["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in names
        ]
    return told | ({"security": []} if one.is_open else {})


def _answers(path: str, one: Operation) -> dict[str, Any]:
    """The good one. What is always refused has none."""
    if path == "/metrics":
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    elif one.answer:
        content = {"application/json": {"schema": ref(one.answer)}}
    else:
        return {}
    if one.streams_as:
        content[one.streams_as] = {"schema": ref(_PIECES[one.streams_as])}
    return {"200": {"description": one.words, "content": content}}


def _dialect_of(path: str) -> str:
    if path.startswith("/api/"):
        return "Ollama"
    if path.startswith("/v1/messages"):
        return "Anthropic"
    return "OpenAI" if path.startswith("/v1/") else "hob" if path.startswith("/hob/") else "llama-server"


def _error_of(path: str) -> str:
    return {"Ollama": "OllamaError", "Anthropic": "AnthropicError"}.get(_dialect_of(path), "OpenAIError")
