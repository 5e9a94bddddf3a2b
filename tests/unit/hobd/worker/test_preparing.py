"""Prompts that cannot fit are refused unread; those to be cut are read once they are short enough."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hobd.wire import messages as m
from hobd.worker.conversation import Conversation
from hobd.worker.engine import Settings
from hobd.worker.gallery import Gallery
from hobd.worker.preparing import Prepared, Preparing
from hobd.worker.refusal import Refusal
from hobd.worker.voice import Voice

from tests.fakes.engine import FakeEngine

CONTEXT = 64
HUGE = "the rain on the hills " * 1000


class PatientEngine(FakeEngine):
    """Reads nothing that cannot fit."""

    def tokenize(self, text: str, **_: bool) -> list[int]:
        assert len(text) <= 8 * CONTEXT, "it was read whole"
        return super().tokenize(text, add_special=False, parse_special=False)


class Rendering:
    """A template that adds nothing."""

    def render(self, template: str, messages: bytes, *_: Any, **__: Any) -> str:
        return "".join(message["content"] for message in msgspec.json.decode(messages))


def prepare(prompt: m.Prompt, truncation: str = "none") -> Prepared:
    engine, gallery = PatientEngine(Settings(context_tokens=CONTEXT)), Gallery(None, None)
    conversation = Conversation(engine, Rendering(), Voice("", engine), gallery)  # type: ignore[arg-type]
    request = m.Submit(1, prompt, m.Sampling(), m.Limits(max_tokens=4), 1, truncation)
    return Preparing(engine, conversation, gallery).prepare(request)


def chat(*contents: str) -> m.ChatPrompt:
    messages = [{"role": "user", "content": content} for content in contents]
    return m.ChatPrompt(msgspec.json.encode(messages), b"[]", b"{}", False)


@pytest.mark.parametrize(
    "prompt", [m.TextPrompt(HUGE, False), chat(HUGE), chat("a", HUGE, "b")], ids=["text", "chat", "long chat"]
)
def test_prompt_that_cannot_fit_is_refused_unread_with_what_it_has_at_least(prompt: m.Prompt) -> None:
    with pytest.raises(Refusal, match=r"has at least \d+ tokens .* room for 63") as refused:
        prepare(prompt)
    assert CONTEXT < (refused.value.needed or 0) <= len(HUGE)


def test_oldest_messages_go_until_the_rest_can_be_read() -> None:
    prepared = prepare(chat(HUGE, HUGE, "first", "last"), "drop_oldest_messages")
    assert bytes(prepared.tokens) == b"firstlast" and prepared.num_dropped > 0


def test_last_message_that_cannot_fit_is_refused_whatever_goes() -> None:
    with pytest.raises(Refusal, match="at least"):
        prepare(chat("first", HUGE), "drop_oldest_messages")
