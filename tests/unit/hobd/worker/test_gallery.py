"""Media in a conversation: marked so that nobody forges one, and found again in what was rendered."""

from __future__ import annotations

from typing import Any

import pytest
from hobd.worker.gallery import Gallery, flat, views_of
from hobd.worker.refusal import Refusal
from hobd.worker.views import View, stand_ins
from hypothesis import given
from hypothesis import strategies as st

texts = st.text(max_size=20)
parts = st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, texts)
    | st.builds(lambda number: {"type": "medium", "number": number}, st.integers(0, 7)),
    max_size=6,
)


@given(parts)
def test_marks_are_found_where_media_were_and_texts_are_whole(content: list[dict[str, Any]]) -> None:
    gallery = Gallery(None, None)
    rendered = f"<user>{gallery.marked({'role': 'user', 'content': content})['content']}<end>"
    found = list(gallery.pieces(rendered))
    assert [piece for piece in found if isinstance(piece, int)] == [
        part["number"] for part in content if part["type"] == "medium"
    ]
    said = "".join(piece for piece in found if isinstance(piece, str))
    assert said == f"<user>{''.join(part.get('text', '') for part in content)}<end>"


def test_marks_of_another_worker_are_text() -> None:
    marked = Gallery(None, None).marked({"content": [{"type": "medium", "number": 0}]})["content"]
    assert list(Gallery(None, None).pieces(marked)) == [marked]


def test_message_of_text_alone_is_left_as_it_is() -> None:
    message = {"role": "user", "content": "hi"}
    assert Gallery(None, None).marked(message) is message


def test_model_without_projector_refuses_with_what_is_missing() -> None:
    with pytest.raises(Refusal, match="it has no projector; put one beside it"):
        Gallery(None, None).lay_out([b"GIF89a"])
    with pytest.raises(Refusal, match="its projector cannot be used: it is torn"):
        Gallery(None, None, "it is torn").lay_out([b"GIF89a"])
    assert Gallery(None, None).lay_out([]) == []


def test_views_of_a_prompt_are_those_it_still_has() -> None:
    kept, dropped = (View(stand_ins(name.ljust(16), 2), 2) for name in (b"kept", b"dropped"))
    tokens = [1, *flat([7, kept, 8]), 2]
    assert tokens == [1, 7, *kept.tokens, 8, 2]
    assert views_of(tokens, [[dropped], [7, kept, 8]]) == {kept.tokens.start: kept}
