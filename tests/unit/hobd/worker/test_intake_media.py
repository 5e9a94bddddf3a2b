"""A chat with a picture from the broker's message to its end, without llama.cpp: who waits, who is told."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

import msgspec
import pytest
from hobd.wire import messages as m
from hobd.worker.engine import EngineError, Picture, Settings, Sound
from hobd.worker.gallery import Gallery
from hobd.worker.intake import Intake
from hobd.worker.loop import Loop
from hobd.worker.views import View, stand_ins

from tests.fakes.engine import FakeEngine

CONTENT = [{"type": "text", "text": "see "}, {"type": "medium", "number": 0}]


class Rendering:
    """A template that adds nothing."""

    def render(self, template: str, messages: bytes, *_: Any, **__: Any) -> str:
        return "".join(message["content"] for message in msgspec.json.decode(messages))


class Developing:
    """Every picture is one black point."""

    def develop(self, data: bytes, sample_rate: int, name: str) -> Picture | Sound:
        return Picture(width=1, height=1, rgb=b"\0\0\0")


class Eye:
    """A view of twenty tokens, when it is let."""

    sees, hears, sample_rate = True, False, 0

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.problem = ""

    def lay_out(self, medium: Picture | Sound) -> list[int | View]:
        return [7, View(stand_ins(b"x" * 16, 20), 20)]

    def encode(self, view: View) -> None:
        self.has_begun.set()
        assert self.may_end.wait(10)
        if self.problem:
            raise EngineError(self.problem)
        view.embeddings = object()

    def close(self) -> None: ...


class Worker:
    """`told` has all that the broker would hear."""

    def __init__(self) -> None:
        engine, self.eye = FakeEngine(Settings(num_lanes=2, batch_tokens=16, context_tokens=64)), Eye()
        engine.projector = self.eye
        self.told: SimpleQueue[m.Message] = SimpleQueue()
        self.loop = Loop(engine, self.told.put)
        rendering, developing = Rendering(), Developing()
        self.intake = Intake(
            engine,
            rendering,  # type: ignore[arg-type]
            gallery=Gallery(self.eye, developing),  # type: ignore[arg-type]
            send=self.told.put,
            submit=self.loop.submit,
            cancel=self.loop.cancel,
        )
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()

    def ask(self, id: int, content: object, **changes: Any) -> None:
        messages = msgspec.json.encode([{"role": "user", "content": content}])
        media = (b"GIF89a",) if isinstance(content, list) else ()
        prompt = m.ChatPrompt(messages, b"[]", b"{}", False, media=media)
        self.intake.on_message(m.Submit(id, prompt, m.Sampling(), m.Limits(max_tokens=4), 1, "", **changes))

    def hear(self, kind: type[m.Message]) -> Any:
        while not isinstance(message := self.told.get(timeout=10), kind):
            pass
        return message

    def end(self) -> m.End:
        while not (ends := self.hear(m.Step).ends):
            pass
        (end,) = ends
        return end


@pytest.fixture
def worker() -> Any:
    worker = Worker()
    yield worker
    worker.eye.may_end.set()
    worker.loop.stop()
    worker.thread.join(10)


def test_answer_waits_for_its_picture_and_others_do_not(worker: Worker) -> None:
    worker.ask(1, CONTENT)
    assert worker.eye.has_begun.wait(10)
    worker.ask(2, "only text")
    assert worker.hear(m.Admitted).id == 2 and worker.end().id == 2
    worker.eye.may_end.set()
    admitted = worker.hear(m.Admitted)
    assert (admitted.id, admitted.num_prompt_tokens, admitted.num_media_tokens) == (1, 25, 20)
    assert worker.end().num_completion_tokens > 0


def test_cancel_while_a_picture_is_looked_at_ends_the_answer_as_cancelled(worker: Worker) -> None:
    worker.ask(1, CONTENT)
    assert worker.eye.has_begun.wait(10)
    worker.intake.on_message(m.Cancel(1))
    worker.eye.may_end.set()
    end = worker.end()
    assert (end.reason, end.num_completion_tokens) == ("cancelled", 0)


def test_projector_that_fails_refuses_the_request_alone(worker: Worker) -> None:
    worker.eye.problem = "the projector failed"
    worker.eye.may_end.set()
    worker.ask(1, CONTENT)
    assert worker.hear(m.Refused).message == "the projector failed"
    worker.ask(2, "only text")
    assert worker.end().id == 2


def test_prompt_that_a_picture_makes_too_long_is_refused_before_it_is_looked_at(worker: Worker) -> None:
    worker.ask(1, [*CONTENT, {"type": "text", "text": "x" * 60}])
    refused = worker.hear(m.Refused)
    assert (refused.error, refused.needed_tokens) == ("PromptTooLong", 85)
    assert not worker.eye.has_begun.is_set()
