"""Builds the requests of the contract from what callers say.

Must never put text of a prompt into an error. Called by client.py and async_client.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from hob.v1 import inference_pb2 as pb
from hob.v1 import models_pb2

from hob_client.errors import InvalidRequest
from hob_client.parameters import Parameters, build_parts
from hob_client.tools import Talk, build_calls, build_talk
from hob_client.values import Media, ToolCall

if TYPE_CHECKING:
    from hob_client.models import EngineSettings


class Message(TypedDict):
    """One turn of a conversation."""

    role: str
    content: str | Sequence[str | Media]
    name: NotRequired[str]
    reasoning: NotRequired[str]
    tool_call_id: NotRequired[str]
    tool_calls: NotRequired[Sequence[ToolCall | Mapping[str, Any]]]


class ChatParameters(Parameters, Talk):
    """All that chat() takes by name."""


_TALK = frozenset(Talk.__annotations__)
_MESSAGE_KEYS = frozenset(Message.__annotations__)


def generate_request(
    model: str, prompt: str | Sequence[int], parse_special: bool, parameters: Mapping[str, Any]
) -> pb.GenerateRequest:
    """`prompt`: text, or the ids of tokens."""
    parts = build_parts(parameters)
    if isinstance(prompt, str):
        check_text("the prompt", prompt)
        return pb.GenerateRequest(model=model, text=prompt, parse_special=parse_special, **parts)
    return pb.GenerateRequest(model=model, tokens=token_ids(prompt), parse_special=parse_special, **parts)


def chat_request(
    model: str,
    messages: str | Sequence[Message],
    parameters: Mapping[str, Any],
) -> pb.ChatRequest:
    """`messages`: the conversation, or the text of a single user's turn."""
    turns = [Message(role="user", content=messages)] if isinstance(messages, str) else messages
    return pb.ChatRequest(
        model=model,
        messages=[_message(index, turn) for index, turn in enumerate(turns)],
        **build_talk({name: value for name, value in parameters.items() if name in _TALK}),
        **build_parts({name: value for name, value in parameters.items() if name not in _TALK}),
    )


def token_ids(ids: Sequence[int]) -> pb.TokenIds:
    try:
        return pb.TokenIds(ids=ids)
    except (TypeError, ValueError):
        fault = f"the tokens must be {len(ids)} whole numbers from 0 to {2**32 - 1}; at least one is not"
    raise InvalidRequest(fault)


def load_request(
    model: str, pin: bool, keep_alive_seconds: int | None, trial: EngineSettings | None
) -> models_pb2.LoadModelRequest:
    request = models_pb2.LoadModelRequest(model=model, pin=pin, keep_alive_seconds=keep_alive_seconds)
    if trial is not None:
        request.trial.CopyFrom(models_pb2.EngineSettings(**asdict(trial)))
    return request


def tune_request(model: str, remember: EngineSettings | None, forget: bool) -> models_pb2.TuneModelRequest:
    request = models_pb2.TuneModelRequest(model=model, forget=forget)
    if remember is not None:
        request.remember.CopyFrom(models_pb2.EngineSettings(**asdict(remember)))
    return request


def check_text(what: str, text: Any) -> None:
    """Raise InvalidRequest for what protobuf would refuse while quoting it."""
    if not isinstance(text, str):
        raise InvalidRequest(f"{what} is a {type(text).__name__}; it must be text")
    bad = _first_surrogate(text)
    if bad is not None:
        raise InvalidRequest(f"{what} is not valid Unicode at character {bad}; remove the unpaired surrogate")


def _message(index: int, turn: Mapping[str, Any]) -> pb.ChatMessage:
    unknown = turn.keys() - _MESSAGE_KEYS
    if unknown or "role" not in turn or "content" not in turn:
        fault = f"does not know {sorted(unknown)}" if unknown else "needs both 'role' and 'content'"
        raise InvalidRequest(f"messages[{index}] {fault}; it may have {', '.join(sorted(_MESSAGE_KEYS))}")
    others = {key: value for key, value in turn.items() if key not in ("content", "tool_calls")}
    content = turn["content"] or "" if turn.get("tool_calls") else turn["content"]
    for key, value in others.items():
        check_text(f"messages[{index}][{key!r}]", value)
    calls = build_calls(f"messages[{index}]", turn.get("tool_calls") or ())
    return pb.ChatMessage(
        content=_parts(f"messages[{index}]['content']", content), tool_calls=calls, **others
    )


def _parts(where: str, content: Any) -> list[pb.ContentPart]:
    """Texts, images and sounds, in their order."""
    pieces = content if isinstance(content, list | tuple) else [content]
    parts = []
    for piece in pieces:
        if isinstance(piece, Media):
            parts.append(pb.ContentPart(media=pb.Media(mime_type=piece.mime_type, data=piece.data)))
        else:
            check_text(where, piece)
            parts.append(pb.ContentPart(text=piece))
    return parts


def _first_surrogate(text: str) -> int | None:
    """Found by trying, then told outside of the `except`: the error would carry the whole text along."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None
