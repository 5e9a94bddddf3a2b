"""What the gateway's requests and answers look like, as JSON Schema: the fields that it reads and writes.

Must be data, and name no field that the gateway does not know. Other fields are let pass unread, as those
who wrote the clients expect. Used by openapi.py.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def a(kind: str, **more: Any) -> Schema:
    return {"type": kind} | more


def maybe(schema: Schema) -> Schema:
    """Null counts as not there."""
    return {"anyOf": [schema, a("null")]}


def listed(schema: Schema, **more: Any) -> Schema:
    return a("array", items=schema, **more)


def thing(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return a("object", properties=properties) | ({"required": list(required)} if required else {})


TEXT, FLAG, OBJECT = a("string"), a("boolean"), a("object")
NUMBER, COUNT = a("number"), a("integer", minimum=0, maximum=(1 << 63) - 1)
TEXTS = {"anyOf": [TEXT, listed(TEXT, minItems=1)]}
TOKENS = listed(a("integer", minimum=0, maximum=(1 << 31) - 1))

#: Of every dialect that takes OpenAI's names.
SAMPLING = {
    "temperature": maybe(NUMBER),
    "top_p": maybe(NUMBER),
    "top_k": maybe(NUMBER),
    "min_p": maybe(NUMBER),
    "presence_penalty": maybe(NUMBER),
    "frequency_penalty": maybe(NUMBER),
    "repeat_penalty": maybe(NUMBER),
    "seed": maybe(a("integer")),
    "stop": maybe(TEXTS),
    "stream": maybe(FLAG),
}
_TALK = {"tools": maybe(listed(ref("Tool"))), "tool_choice": maybe({"anyOf": [TEXT, OBJECT]})}
_PARTS = {"anyOf": [TEXT, listed(ref("Part")), a("null")]}
_TURN = {"role": a("string", enum=["system", "developer", "user", "assistant", "tool"])}
_OPTIONS = maybe(OBJECT)
_OLLAMA = {
    "model": TEXT,
    "stream": maybe(FLAG),
    "options": _OPTIONS,
    "format": {"description": 'A JSON schema, or "json".'},
    "think": {"anyOf": [FLAG, TEXT, a("null")]},
    "keep_alive": {"anyOf": [TEXT, NUMBER, a("null")]},
}
_USAGE = thing(("prompt_tokens", "total_tokens"), prompt_tokens=COUNT, total_tokens=COUNT)

REQUESTS: dict[str, Schema] = {
    "Part": thing(("type",), type=TEXT, text=TEXT, image_url={"anyOf": [OBJECT, TEXT]}, input_audio=OBJECT),
    "Tool": thing((), type=a("string", enum=["function"]), function=OBJECT, name=TEXT, parameters=OBJECT),
    "Turn": thing(
        ("role",), **_TURN, content=_PARTS, tool_calls=maybe(listed(OBJECT)), tool_call_id=maybe(TEXT)
    ),
    "Chat": thing(
        ("model", "messages"),
        model=TEXT,
        messages=listed(ref("Turn")),
        **SAMPLING,
        **_TALK,
        n=maybe(COUNT),
        max_tokens=maybe(COUNT),
        max_completion_tokens=maybe(COUNT),
        response_format=maybe(OBJECT),
        logprobs=maybe(FLAG),
        top_logprobs=maybe(COUNT),
        stream_options=maybe(OBJECT),
        reasoning_effort=maybe(TEXT),
    ),
    "Completion": thing(
        ("model", "prompt"),
        model=TEXT,
        prompt={"anyOf": [TEXTS, TOKENS]},
        suffix=maybe(TEXT),
        echo=maybe(FLAG),
        max_tokens=maybe(COUNT),
        logprobs=maybe(COUNT),
        n=maybe(COUNT),
        **SAMPLING,
    ),
    "Response": thing(
        ("model", "input"),
        model=TEXT,
        input={"anyOf": [TEXT, listed(OBJECT)]},
        instructions=maybe(TEXT),
        previous_response_id=maybe(TEXT),
        store=maybe(FLAG),
        max_output_tokens=maybe(COUNT),
        text=maybe(OBJECT),
        reasoning=maybe(OBJECT),
        **_TALK,
        **{name: SAMPLING[name] for name in ("temperature", "top_p", "stream")},
    ),
    "Embedding": thing(
        ("model", "input"),
        model=TEXT,
        input=TEXTS,
        dimensions=maybe(COUNT),
        encoding_format=maybe(a("string", enum=["float", "base64"])),
    ),
    "Message": thing(
        ("model", "messages", "max_tokens"),
        model=TEXT,
        messages=listed(thing(("role", "content"), role=TEXT, content={"anyOf": [TEXT, listed(OBJECT)]})),
        max_tokens=COUNT,
        system={"anyOf": [TEXT, listed(OBJECT), a("null")]},
        tools=maybe(listed(OBJECT)),
        tool_choice=maybe(OBJECT),
        thinking=maybe(OBJECT),
        stop_sequences=maybe(listed(TEXT)),
        **{name: SAMPLING[name] for name in ("temperature", "top_p", "top_k", "stream")},
    ),
    "Count": thing(("model", "messages"), model=TEXT, messages=listed(OBJECT), system=TEXT),
    "OllamaChat": thing(
        ("model",),
        messages=listed(thing(("role",), role=TEXT, content=TEXT)),
        tools=listed(OBJECT),
        **_OLLAMA,
    ),
    "OllamaGenerate": thing(
        ("model",), prompt=TEXT, suffix=maybe(TEXT), system=maybe(TEXT), raw=maybe(FLAG), **_OLLAMA
    ),
    "OllamaEmbed": thing(("model", "input"), model=TEXT, input=TEXTS, truncate=FLAG, dimensions=COUNT),
    "OllamaEmbedOne": thing(("model", "prompt"), model=TEXT, prompt=TEXT),
    "OllamaName": thing(("model",), model=TEXT),
    "Infill": thing(
        (), input_prefix=TEXT, input_suffix=TEXT, prompt=TEXT, input_extra=listed(OBJECT), **SAMPLING
    ),
    "RawCompletion": thing(
        ("prompt",), prompt={"anyOf": [TEXT, TOKENS]}, n_predict=NUMBER, ignore_eos=maybe(FLAG), **SAMPLING
    ),
    "Tokenize": thing(("content",), model=TEXT, content=TEXT, add_special=FLAG, parse_special=FLAG),
    "Detokenize": thing(("tokens",), model=TEXT, tokens=TOKENS),
    "ApplyTemplate": thing(("messages",), model=TEXT, messages=listed(ref("Turn"))),
    "Rerank": thing(
        ("query", "documents"), model=TEXT, query=TEXT, documents=listed(TEXT), top_n=maybe(COUNT)
    ),
}

_OLLAMA_END = thing(("model", "done"), model=TEXT, created_at=TEXT, done=FLAG)
_MODEL = thing(("id", "object"), id=TEXT, object=TEXT)
ANSWERS: dict[str, Schema] = {
    "Event": thing(("data",), data=TEXT, event=TEXT),
    "ChatAnswer": thing(
        ("id", "object", "created", "model", "choices", "usage"), choices=listed(OBJECT), usage=_USAGE
    ),
    "CompletionAnswer": thing(("id", "object", "model", "choices", "usage"), choices=listed(OBJECT)),
    "ResponseAnswer": thing(("id", "object", "status", "output"), output=listed(OBJECT)),
    "Deleted": thing(("id", "deleted"), id=TEXT, deleted=FLAG),
    "EmbeddingAnswer": thing(("data", "model", "usage"), data=listed(OBJECT), usage=_USAGE),
    "Model": _MODEL,
    "Models": thing(("object", "data"), data=listed(_MODEL)),
    "MessageAnswer": thing(
        ("id", "type", "role", "content", "stop_reason", "usage"), content=listed(OBJECT), usage=OBJECT
    ),
    "CountAnswer": thing(("input_tokens",), input_tokens=COUNT),
    "OllamaAnswer": _OLLAMA_END,
    "OllamaModels": thing(("models",), models=listed(thing(("name", "size"), name=TEXT, size=COUNT))),
    "OllamaShown": thing(("details", "model_info", "capabilities"), capabilities=listed(TEXT)),
    "OllamaVectors": thing(("embeddings",), embeddings=listed(listed(NUMBER))),
    "OllamaVector": thing(("embedding",), embedding=listed(NUMBER)),
    "Version": thing(("version", "hob"), version=TEXT, hob=TEXT),
    "RawAnswer": thing(("content", "stop", "model"), content=TEXT, stop=FLAG, model=TEXT),
    "Tokens": thing(("tokens",), tokens=listed(COUNT)),
    "Content": thing(("content",), content=TEXT),
    "Prompt": thing(("prompt",), prompt=TEXT),
    "Ranking": thing(("results", "model"), results=listed(OBJECT), model=TEXT),
    "Health": thing(("status",), status=a("string", const="ok")),
    "Status": thing(("residents", "memory", "loading", "withheld"), residents=listed(OBJECT), withheld=TEXT),
    "Wires": thing(("wires", "withheld"), wires=listed(OBJECT), withheld=TEXT),
    "Attestation": thing(("evidence", "all_held"), evidence=listed(OBJECT), all_held=FLAG),
    "Document": thing(("openapi", "paths")),
}

_SAID = thing(("message", "type"), message=TEXT, type=TEXT)
ERRORS: dict[str, Schema] = {
    "OpenAIError": thing(("error",), error=_SAID),
    "AnthropicError": thing(("type", "error"), type=a("string", const="error"), error=_SAID),
    "OllamaError": thing(("error",), error=TEXT),
}
