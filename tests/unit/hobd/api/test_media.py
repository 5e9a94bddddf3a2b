"""Media of a chat request: counted, and told by their first bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hob.v1 import inference_pb2 as pb
from hobd.api import media
from hobd.api.convert import chat_prompt
from hobd.config import Config
from hobd.errors import InvalidRequest

GIF, WAV = b"GIF89a...", b"RIFF\0\0\0\0WAVEfmt "


def chat(*content: str | bytes, **fields: Any) -> pb.ChatRequest:
    parts = [
        pb.ContentPart(text=piece)
        if isinstance(piece, str)
        else pb.ContentPart(media=pb.Media(data=piece, **fields))
        for piece in content
    ]
    return pb.ChatRequest(messages=[pb.ChatMessage(role="user", content=parts)])


def test_media_keep_their_places_among_the_texts() -> None:
    prompt = chat_prompt(chat("see ", GIF, " and hear ", WAV), Config())
    assert prompt.media == (GIF, WAV)
    assert msgspec.json.decode(prompt.messages)[0]["content"] == [
        {"type": "text", "text": "see "},
        {"type": "medium", "number": 0},
        {"type": "text", "text": " and hear "},
        {"type": "medium", "number": 1},
    ]


def test_content_of_texts_is_one_text() -> None:
    prompt = chat_prompt(chat("a", "b"), Config())
    assert not prompt.media and msgspec.json.decode(prompt.messages)[0]["content"] == "ab"


def test_nobody_is_believed_what_a_medium_is() -> None:
    assert chat_prompt(chat(GIF, mime_type="audio/wav"), Config()).media == (GIF,)
    with pytest.raises(InvalidRequest, match="is no image"):
        chat_prompt(chat(b"<svg onload=...>", mime_type="image/png"), Config())


def test_as_many_media_as_are_taken_and_one_more() -> None:
    assert len(chat_prompt(chat(*[GIF] * media.MAX_MEDIA), Config()).media) == media.MAX_MEDIA
    with pytest.raises(InvalidRequest, match="there are 9 images and sounds; at most 8"):
        chat_prompt(chat(*[GIF] * 9), Config())


def test_prompt_and_media_fit_into_a_frame_together() -> None:
    media.check_sizes([bytes(media.MAX_MEDIA_BYTES)], 3 << 20)
    with pytest.raises(InvalidRequest, match="at most 15728640"):
        media.check_sizes([bytes(media.MAX_MEDIA_BYTES)], (3 << 20) + 1)
