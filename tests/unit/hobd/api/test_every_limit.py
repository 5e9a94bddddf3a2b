"""Whatever number, text or list a client can send has a bound, and this table says where it is checked.

A field that is added to a request and not to the table fails the first test; one whose bound is not
enforced, or that is refused without its name, the second one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hob.v1 import daemon_pb2, doors_pb2, models_pb2
from hob.v1 import inference_pb2 as pb
from hobd.api import convert, convert_texts, doors, tuning
from hobd.config import Config
from hobd.errors import InvalidRequest, NotSupported

CONFIG = Config()
HUGE = "x" * (9 << 20)
USER = pb.ChatMessage(role="user", content=[pb.ContentPart(text="hi")])


def generate(**fields: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(**({"text": "hi"} | fields))


def sampling(**fields: Any) -> pb.GenerateRequest:
    return generate(sampling=pb.Sampling(**fields))


def limits(**fields: Any) -> pb.GenerateRequest:
    return generate(limits=pb.Limits(**fields))


def shape(**fields: Any) -> pb.GenerateRequest:
    return generate(response_format=pb.ResponseFormat(**fields))


def options(**fields: Any) -> pb.GenerateRequest:
    return generate(options=pb.RequestOptions(**fields))


def chat(**fields: Any) -> pb.ChatRequest:
    return pb.ChatRequest(**({"messages": [USER]} | fields))


def message(**fields: Any) -> pb.ChatRequest:
    return chat(messages=[pb.ChatMessage(**({"role": "assistant"} | fields))])


def shows(**fields: Any) -> pb.ChatRequest:
    return message(content=[pb.ContentPart(media=pb.Media(**fields))])


def call(**fields: Any) -> pb.ChatRequest:
    return message(tool_calls=[pb.ToolCall(**({"id": "a", "name": "a"} | fields))])


def tool(**fields: Any) -> pb.ChatRequest:
    return chat(tools=[pb.Tool(**({"name": "a"} | fields))])


def named(name: str) -> pb.ChatRequest:
    choice = pb.ToolChoice(mode=pb.ToolChoice.MODE_NAMED, name=name)
    return chat(tools=[pb.Tool(name="a")], tool_choice=choice)


def infill(**fields: Any) -> pb.InfillRequest:
    return pb.InfillRequest(**({"prefix": "a"} | fields))


def embed(**fields: Any) -> pb.EmbedRequest:
    return pb.EmbedRequest(**({"inputs": ["a"]} | fields))


def rerank(**fields: Any) -> pb.RerankRequest:
    return pb.RerankRequest(**({"query": "a", "documents": ["a"]} | fields))


def door(**fields: Any) -> doors_pb2.AddDoorRequest:
    return doors_pb2.AddDoorRequest(settings=doors_pb2.DoorSettings(**({"name": "a"} | fields)))


def terms(**fields: Any) -> doors_pb2.AddDoorRequest:
    return door(terms=doors_pb2.DoorTerms(**fields))


DOMAIN = models_pb2.ForgetCacheRequest(cache_domain="x" * 257)


#: field -> a request in which it is just too large, and how the refusal names it.
BEYOND: dict[str, tuple[Any, str]] = {
    "GenerateRequest.text": (generate(text=HUGE), "max_prompt_bytes"),
    "GenerateRequest.loras": (
        generate(loras=[pb.LoraScale(name=f"a{n}", scale=1) for n in range(9)]),
        "loras",
    ),
    "LoraScale.name": (generate(loras=[pb.LoraScale(name="x" * 256)]), "loras[0].name must have"),
    "LoraScale.scale": (generate(loras=[pb.LoraScale(name="x", scale=11)]), "loras[0].scale must"),
    "TokenIds.ids": (generate(tokens=pb.TokenIds(ids=[1 << 31])), "tokens must be from 0"),
    "Sampling.temperature": (sampling(temperature=5.1), "temperature must be from 0 to 5"),
    "Sampling.top_k": (sampling(top_k=1 << 21), "top_k must be"),
    "Sampling.top_p": (sampling(top_p=1.1), "top_p must be"),
    "Sampling.min_p": (sampling(min_p=math.nan), "min_p must be"),
    "Sampling.typical_p": (sampling(typical_p=-0.1), "typical_p must be"),
    "Sampling.top_n_sigma": (sampling(top_n_sigma=101), "top_n_sigma must be"),
    "Sampling.dynatemp_range": (sampling(dynatemp_range=6), "dynatemp_range must be"),
    "Sampling.dynatemp_exponent": (sampling(dynatemp_exponent=11), "dynatemp_exponent must be"),
    "Sampling.repeat_penalty": (sampling(repeat_penalty=0), "repeat_penalty must be"),
    "Sampling.frequency_penalty": (sampling(frequency_penalty=3), "frequency_penalty must be"),
    "Sampling.presence_penalty": (sampling(presence_penalty=-3), "presence_penalty must be"),
    "Sampling.penalty_last_n": (sampling(penalty_last_n=1 << 21), "penalty_last_n must be"),
    "Sampling.logit_bias": (sampling(logit_bias=dict.fromkeys(range(1025), 0.0)), "logit_bias has 1025"),
    "LogitBiasEntry.key": (sampling(logit_bias={1 << 31: 0.0}), "a token of logit_bias must be"),
    "LogitBiasEntry.value": (sampling(logit_bias={1: math.inf}), "logit_bias of token 1 must be"),
    "Dry.multiplier": (sampling(dry=pb.Dry(multiplier=11)), "dry.multiplier must be"),
    "Dry.base": (sampling(dry=pb.Dry(base=11)), "dry.base must be"),
    "Dry.allowed_length": (sampling(dry=pb.Dry(allowed_length=1025)), "dry.allowed_length must be"),
    "Dry.penalty_last_n": (sampling(dry=pb.Dry(penalty_last_n=1 << 21)), "dry.penalty_last_n must be"),
    "Dry.sequence_breakers": (sampling(dry=pb.Dry(sequence_breakers=["x" * 65])), "dry.sequence_breakers"),
    "Xtc.probability": (sampling(xtc=pb.Xtc(probability=2)), "xtc.probability must be"),
    "Xtc.threshold": (sampling(xtc=pb.Xtc(threshold=2)), "xtc.threshold must be"),
    "Mirostat.version": (sampling(mirostat=pb.Mirostat(version=3)), "mirostat.version must be"),
    "Mirostat.tau": (sampling(mirostat=pb.Mirostat(version=1, tau=101)), "mirostat.tau must be"),
    "Mirostat.eta": (sampling(mirostat=pb.Mirostat(version=1, eta=2)), "mirostat.eta must be"),
    "Limits.max_tokens": (limits(max_tokens=(1 << 30) + 1), "max_tokens must be"),
    "Limits.stop": (limits(stop=["x"] * 17), "17 stop strings"),
    "Limits.logprobs": (limits(logprobs=21), "logprobs must be"),
    "Limits.num_answers": (limits(num_answers=17), "num_answers must be"),
    "ResponseFormat.json_schema": (shape(json_schema="x" * (1 << 19)), "response_format.json_schema must"),
    "ResponseFormat.regex": (shape(regex="x" * (1 << 15)), "response_format.regex must"),
    "ResponseFormat.gbnf": (shape(gbnf="x" * (1 << 17)), "response_format.gbnf must"),
    "ResponseFormat.lark": (shape(lark="x" * (1 << 17)), "response_format.lark must"),
    "ChoiceFormat.choices": (shape(choice=pb.ChoiceFormat(choices=["x"] * 1001)), "1 to 1000 choices"),
    "RequestOptions.priority_class": (options(priority_class=77), "priority_class 77"),
    "RequestOptions.cache_domain": (options(cache_domain="x" * 257), "cache_domain must have at most 256"),
    "RequestOptions.truncation_strategy": (options(truncation_strategy=77), "truncation_strategy 77"),
    "RequestOptions.max_queue_ms": (options(max_queue_ms=604_800_001), "max_queue_ms must be"),
    "RequestOptions.max_total_ms": (options(max_total_ms=604_800_001), "max_total_ms must be"),
    "RequestOptions.keep_alive_seconds": (options(keep_alive_seconds=31_536_001), "keep_alive_seconds must"),
    "RequestOptions.client_request_id": (options(client_request_id="x" * 129), "client_request_id must"),
    "ForgetCacheRequest.cache_domain": (DOMAIN, "cache_domain must have at most 256"),
    "ChatRequest.messages": (chat(messages=[USER] * 8193), "8193 messages"),
    "ChatRequest.tools": (chat(tools=[pb.Tool(name=f"t{n}") for n in range(129)]), "129 tools"),
    "ChatRequest.loras": (chat(loras=[pb.LoraScale(name=f"a{n}", scale=1) for n in range(9)]), "loras"),
    "ChatRequest.template_arguments": (
        chat(template_arguments={f"a{n}": "1" for n in range(65)}),
        "65 template_arguments",
    ),
    "TemplateArgumentsEntry.key": (chat(template_arguments={"x" * 129: "1"}), "name in template_arguments"),
    "TemplateArgumentsEntry.value": (
        chat(template_arguments={"a": '"' + "x" * 65536 + '"'}),
        "template_arguments['a'] has 65538 bytes",
    ),
    "ChatMessage.role": (message(role="x" * 129), "the role of message 0 must"),
    "ChatMessage.content": (message(content=[pb.ContentPart(text="")] * 1025), "1025 parts"),
    "ChatMessage.tool_calls": (message(tool_calls=[pb.ToolCall(id="a", name="a")] * 129), "129 tool calls"),
    "ChatMessage.tool_call_id": (message(role="tool", tool_call_id="x" * 65), "message 0 needs the id"),
    "ChatMessage.reasoning": (message(reasoning=HUGE), "max_prompt_bytes"),
    "ChatMessage.name": (message(name="x" * 129), "the name of message 0 must"),
    "ContentPart.text": (message(content=[pb.ContentPart(text=HUGE)]), "max_prompt_bytes"),
    "Media.mime_type": (shows(mime_type="x" * 129), "mime_type in message 0 has 129"),
    "Media.data": (shows(data=b"GIF89a" + bytes(12 << 20)), "the images and sounds have 12582918 bytes"),
    "Tool.name": (tool(name="x" * 65), "tools[0].name must"),
    "Tool.description": (tool(description="x" * 16385), "tools[0].description has"),
    "Tool.parameters_schema": (tool(parameters_schema=" " * 65537), "tools[0].parameters_schema has"),
    "ToolChoice.mode": (chat(tool_choice=pb.ToolChoice(mode=77)), "tool_choice.mode 77"),
    "ToolChoice.name": (named("x" * 65), "tool_choice.name must"),
    "ToolCall.id": (call(id="x" * 65), "needs the id of a call"),
    "ToolCall.name": (call(name="x" * 65), "tool_calls[0].name must"),
    "ToolCall.arguments": (call(arguments=" " * 65537), "tool_calls[0].arguments has"),
    "Reasoning.max_tokens": (chat(reasoning=pb.Reasoning(max_tokens=(1 << 30) + 1)), "reasoning.max_tokens"),
    "InfillRequest.prefix": (infill(prefix=HUGE), "max_prompt_bytes"),
    "InfillRequest.suffix": (infill(suffix=HUGE), "max_prompt_bytes"),
    "InfillRequest.context_files": (infill(context_files=[pb.ContextFile()] * 257), "context_files has 257"),
    "InfillRequest.path": (infill(path="x" * 1025), "path must have at most 1024"),
    "InfillRequest.loras": (infill(loras=[pb.LoraScale(name=f"a{n}", scale=1) for n in range(9)]), "loras"),
    "ContextFile.path": (infill(context_files=[pb.ContextFile(path="x" * 1025)]), "context_files[0].path"),
    "ContextFile.text": (infill(context_files=[pb.ContextFile(text=HUGE)]), "max_prompt_bytes"),
    "EmbedRequest.inputs": (embed(inputs=["x"] * 8193), "inputs must be 1 to 8192 texts"),
    "EmbedRequest.pooling": (embed(pooling=77), "pooling 77"),
    "EmbedRequest.dimensions": (embed(dimensions=16385), "dimensions must be"),
    "RerankRequest.query": (rerank(query="x" * ((1 << 20) + 1)), "query must have 1 to"),
    "RerankRequest.documents": (rerank(documents=["x"] * 4097), "documents must be 1 to 4096 texts"),
    "RerankRequest.top_n": (rerank(top_n=4097), "top_n must be"),
    "LoadModelRequest.keep_alive_seconds": (
        models_pb2.LoadModelRequest(keep_alive_seconds=31_536_001),
        "keep_alive_seconds must be from 0 to 31536000",
    ),
    "EngineSettings.threads": (models_pb2.EngineSettings(threads=1025), "threads must be from 1 to 1024"),
    "EngineSettings.batch_tokens": (
        models_pb2.EngineSettings(batch_tokens=31),
        "batch_tokens must be from 32 to 8192",
    ),
    "EngineSettings.kv_type": (models_pb2.EngineSettings(kv_type="x" * 999), "kv_type must be f16 or q8_0"),
    "DoorSettings.name": (door(name="a" * 33), "must be 1 to 32"),
    "DoorSettings.path": (door(path="/" * 4097), "doors.a.path must be"),
    "DoorSettings.mode": (door(mode=0o777), 'doors.a.mode must be "0600"'),
    "DoorSettings.group": (door(group="x" * 257), "doors.a.group must be"),
    "DoorSettings.users": (door(users=[str(uid) for uid in range(257)]), "doors.a.users has 257"),
    "DoorTerms.operations": (terms(operations=["own"]), "doors.a.operations must be"),
    "DoorTerms.models": (terms(models=["x"] * 257), "doors.a.models must be"),
    "DoorTerms.best_class": (terms(best_class=77), "best_class 77"),
    "DoorTerms.max_concurrent": (terms(max_concurrent=1 << 31), "doors.a.max_concurrent must be"),
    "DoorTerms.tokens_per_minute": (terms(tokens_per_minute=1 << 31), "doors.a.tokens_per_minute must be"),
    "DoorTerms.max_context_tokens": (terms(max_context_tokens=1 << 31), "doors.a.max_context_tokens must"),
    "DoorTerms.max_tokens": (terms(max_tokens=1 << 31), "doors.a.max_tokens must be"),
    "DoorTerms.system_prompt": (terms(system_prompt="x" * 65537), "doors.a.system_prompt must be"),
    "TestDoorRequest.rpc": (doors_pb2.TestDoorRequest(rpc="x"), "operation must be infer, observe"),
    "TestDoorRequest.operation": (doors_pb2.TestDoorRequest(operation="x"), "operation must be infer,"),
    "TestDoorRequest.priority_class": (
        doors_pb2.TestDoorRequest(rpc="Chat", priority_class=77),
        "priority_class 77",
    ),
}
#: Bounded where no conversion sees it; what names the test that shows it.
ELSEWHERE = {
    "*.model": "tests/unit/hobd/store/test_catalog.py: what no model is called is said in 80 characters",
    "Sampling.seed": "every number of 64 bits is one",
    "TokenizeRequest.text": "tests/model/test_odd_requests.py",
    "DetokenizeRequest.ids": "tests/model/test_odd_requests.py",
    "DrainRequest.deadline_ms": "at most 49 days, after which the daemon ends as it would anyway",
    "RemoveDoorRequest.name": "the name of a door that there is, or a refusal that shows 64 characters",
    "TestDoorRequest.door": "the same",
    "TestDoorRequest.uid": "every number of 32 bits is one",
    "TestDoorRequest.max_tokens": "nothing is asked, so every number is answered",
}
CONVERSIONS = {
    pb.GenerateRequest: convert.generate_request,
    pb.ChatRequest: convert.chat_request,
    pb.InfillRequest: convert_texts.infill_request,
    pb.EmbedRequest: convert_texts.embed_request,
    pb.RerankRequest: convert_texts.rerank_request,
    models_pb2.ForgetCacheRequest: convert.forget_request,
    doors_pb2.AddDoorRequest: doors.door_settings,
    doors_pb2.TestDoorRequest: doors.trial,
    models_pb2.EngineSettings: lambda settings, config: tuning.settings_of(settings),
    models_pb2.LoadModelRequest: lambda request, config: convert.keep_alive(request),
}


def requests() -> Iterator[Descriptor]:
    for file in (pb, models_pb2, daemon_pb2, doors_pb2):
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from (method.input_type for method in service.methods)


def is_bounded_by_its_type(field: FieldDescriptor) -> bool:
    """One message, or a bool. Proto3 lets enums be any number."""
    return not field.is_repeated and field.type in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BOOL)


def reachable_fields() -> set[str]:
    found, todo, done = set(), list(requests()), set()
    while todo:
        descriptor = todo.pop()
        done.add(descriptor.full_name)
        for field in descriptor.fields:
            name = "*.model" if field.name == "model" else f"{descriptor.name}.{field.name}"
            found |= set() if is_bounded_by_its_type(field) else {name}
            if field.message_type is not None and field.message_type.full_name not in done:
                todo.append(field.message_type)
    return found


def test_every_field_of_every_request_has_its_bound_in_the_table() -> None:
    assert reachable_fields() == BEYOND.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize(("request_", "words"), BEYOND.values(), ids=BEYOND)
def test_value_beyond_its_bound_is_refused_by_name(request_: Any, words: str) -> None:
    with pytest.raises((InvalidRequest, NotSupported)) as caught:
        CONVERSIONS[type(request_)](request_, CONFIG)
    assert words in caught.value.message and len(caught.value.message) < 300
