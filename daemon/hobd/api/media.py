"""Images and sounds of a chat request, counted and told apart; and what they leave of a message's content.

Must never decode one, nor believe what a client says it is: the first bytes tell. Called by convert.py.
"""

from __future__ import annotations

from typing import Any

from hob.v1 import inference_pb2 as pb

from hobd.errors import InvalidRequest

MAX_MEDIA, MAX_MEDIA_BYTES = 8, 12 << 20
MAX_MIME_CHARACTERS = 128
# A frame to a worker is a MiB longer.
MAX_REQUEST_BYTES = 15 << 20
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
_RIFF_KINDS = (b"WEBP", b"WAVE")

Content = str | list[dict[str, Any]]


def content(index: int, message: pb.ChatMessage, media: list[bytes]) -> Content:
    """What message `index` says: a text, or parts if it shows something, which is added to `media`."""
    parts: list[dict[str, Any]] = []
    for part in message.content:
        if part.WhichOneof("part") == "media":
            _check(index, part.media)
            parts.append({"type": "medium", "number": len(media)})
            media.append(part.media.data)
        else:
            parts.append({"type": "text", "text": part.text})
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def check_sizes(media: list[bytes], prompt_bytes: int) -> None:
    """Raises InvalidRequest."""
    if len(media) > MAX_MEDIA:
        raise InvalidRequest(f"there are {len(media)} images and sounds; at most {MAX_MEDIA} are taken")
    size = sum(map(len, media))
    if size > MAX_MEDIA_BYTES:
        raise InvalidRequest(
            f"the images and sounds have {size} bytes; at most {MAX_MEDIA_BYTES} are taken: send smaller ones"
        )
    if media and size + prompt_bytes > MAX_REQUEST_BYTES:
        raise InvalidRequest(
            f"the prompt, with its images and sounds, has {size + prompt_bytes} bytes; "
            f"at most {MAX_REQUEST_BYTES} are taken"
        )


def _check(index: int, medium: pb.Media) -> None:
    if len(medium.mime_type) > MAX_MIME_CHARACTERS:
        raise InvalidRequest(
            f"a mime_type in message {index} has {len(medium.mime_type)} characters; "
            f"at most {MAX_MIME_CHARACTERS} are taken"
        )
    data = medium.data
    is_known = data.startswith(_BEGINNINGS) or (data[:4] == b"RIFF" and data[8:12] in _RIFF_KINDS)
    if not is_known:
        raise InvalidRequest(
            f"message {index} has a medium of {len(data)} bytes that is no image (PNG, JPEG, GIF, WebP, BMP) "
            "and no sound (WAV); convert it"
        )
