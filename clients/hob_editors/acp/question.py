"""A prompt of an editor, as a turn of a conversation: texts, files that the person attached, images, sounds.

Must bound what an editor sends, and quote none of it in an error. Used by session.py.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from acp import schema as s
from hob_client.errors import InvalidRequest
from hob_client.values import Media

MOST_BLOCKS, MOST_CHARACTERS, MOST_MEDIA_BYTES = 256, 1 << 20, 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    content: str | list[str | Media] = field(repr=False)


def read_blocks(blocks: Sequence[Any]) -> Question:
    """Raises InvalidRequest."""
    if len(blocks) > MOST_BLOCKS:
        raise InvalidRequest(f"the prompt has {len(blocks)} blocks; it may have {MOST_BLOCKS}")
    pieces = list(_pieces(blocks))
    num_characters = sum(len(piece) for piece in pieces if isinstance(piece, str))
    if num_characters > MOST_CHARACTERS:
        raise InvalidRequest(f"the prompt has {num_characters} characters; it may have {MOST_CHARACTERS}")
    if not any(isinstance(piece, Media) or piece.strip() for piece in pieces):
        raise InvalidRequest("the prompt is empty; say something")
    if all(isinstance(piece, str) for piece in pieces):
        return Question(content="\n".join(str(piece) for piece in pieces))
    return Question(content=pieces)


def _pieces(blocks: Sequence[Any]) -> Iterator[str | Media]:
    for number, block in enumerate(blocks):
        match block:
            case s.TextContentBlock():
                yield block.text
            case s.ResourceContentBlock():
                yield f"[{block.name}: {block.uri}]"
            case s.EmbeddedResourceContentBlock(resource=s.TextResourceContents() as resource):
                yield f"[{resource.uri}]\n{resource.text}\n[end of {resource.uri}]"
            case s.ImageContentBlock() | s.AudioContentBlock():
                yield Media(data=_decoded(number, block.data), mime_type=block.mime_type)
            case _:
                raise InvalidRequest(f"block {number} is of a kind that hob cannot read; leave it out")


def _decoded(number: int, data: str) -> bytes:
    if len(data) * 3 // 4 > MOST_MEDIA_BYTES:
        raise InvalidRequest(f"block {number} is larger than {MOST_MEDIA_BYTES} bytes; make it smaller")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        pass  # what it says could quote
    raise InvalidRequest(f"block {number} is not base64; encode it")
