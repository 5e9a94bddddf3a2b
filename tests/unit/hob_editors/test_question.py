"""A prompt of an editor, as a turn: bounded, and quoted in no error."""

from __future__ import annotations

import base64

import pytest
from acp import embedded_text_resource, image_block, resource_block, resource_link_block, text_block
from acp import schema as s
from hob_client.errors import InvalidRequest
from hob_client.values import Media
from hob_editors.acp.question import MOST_BLOCKS, MOST_CHARACTERS, MOST_MEDIA_BYTES, read_blocks


def test_text_links_and_files_become_one_text() -> None:
    attached = resource_block(embedded_text_resource("file:///p/a.py", "x = 1"))
    link = resource_link_block("b.py", "file:///p/b.py")
    question = read_blocks([text_block("Look:"), attached, link])
    assert question.content == (
        "Look:\n[file:///p/a.py]\nx = 1\n[end of file:///p/a.py]\n[b.py: file:///p/b.py]"
    )


def test_image_goes_along_as_its_bytes() -> None:
    question = read_blocks([text_block("What?"), image_block(base64.b64encode(b"png").decode(), "image/png")])
    assert question.content == ["What?", Media(data=b"png", mime_type="image/png")]


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "empty"),
        ([text_block(" \n")], "empty"),
        ([text_block("x")] * (MOST_BLOCKS + 1), f"may have {MOST_BLOCKS}"),
        ([text_block("x" * (MOST_CHARACTERS + 1))], f"may have {MOST_CHARACTERS}"),
        ([image_block("canary!", "image/png")], "block 0 is not base64"),
        (
            [image_block("x" * (MOST_MEDIA_BYTES * 4 // 3 + 8), "image/png")],
            f"larger than {MOST_MEDIA_BYTES}",
        ),
        (
            [
                s.EmbeddedResourceContentBlock(
                    type="resource", resource=s.BlobResourceContents(uri="u", blob="canary")
                )
            ],
            "cannot read",
        ),
    ],
    ids=["nothing", "blank", "blocks", "characters", "base64", "media", "blob"],
)
def test_prompt_that_cannot_be_is_refused(blocks: list[object], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refused:
        read_blocks(blocks)
    assert "canary" not in str(refused.value)
