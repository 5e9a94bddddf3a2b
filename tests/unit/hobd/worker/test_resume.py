"""An answer goes on in another worker exactly as it would have in its first one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hobd.wire import messages as m
from hobd.worker import loop
from hobd.worker.answer import Answer
from hobd.worker.engine import Settings
from hobd.worker.intake import Intake
from hobd.worker.loop import Loop
from hobd.worker.template import Renderer

from tests.fakes.engine import END, FakeEngine, expected_answer

SETTINGS = Settings(num_lanes=2, batch_tokens=16, context_tokens=64)
PROMPT = list(b"hello")
WHOLE = expected_answer(b"hello", 40, 10**9)


class Worker:
    """Intake and loop around one fake engine, without a wire: `take` a Submit, then `told` has all frames."""

    def __init__(self) -> None:
        self.told: list[m.Message] = []
        self.engine = FakeEngine(SETTINGS, answer_length=10**9)
        self.answers: list[Answer] = []
        self._loop = Loop(self.engine, self._hear)
        self._intake = Intake(
            self.engine,
            Renderer.__new__(Renderer),  # no chat prompt is ever asked for
            send=self.told.append,
            submit=self.answers.append,
            cancel=self._loop.cancel,
        )

    def take(self, limits: m.Limits, resume: Sequence[int] = ()) -> Worker:
        prompt = m.TokensPrompt(PROMPT)
        told = m.Resume(list(resume)) if resume else None
        self._intake.on_message(m.Submit(1, prompt, m.Sampling(), limits, 1, "", resume=told))
        for answer in self.answers:
            self._loop.submit(answer)
            self._loop.run()
        return self

    def _hear(self, message: m.Message) -> None:
        self.told.append(message)
        if isinstance(message, m.Refused) or (isinstance(message, m.Step) and message.ends):
            self._loop.stop()

    @property
    def deltas(self) -> list[m.Delta]:
        return [delta for step in self.told if isinstance(step, m.Step) for delta in step.deltas]

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def end(self) -> m.End:
        (end,) = [end for step in self.told if isinstance(step, m.Step) for end in step.ends]
        return end


@pytest.fixture(autouse=True)
def every_token_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "EMIT_EVERY_NS", 0)


class Always:
    """A sampler with one idea."""

    def __init__(self, token: int, fault: str = "") -> None:
        self._token = token
        self.fault = fault
        self.prompt: list[int] = []
        self.accepted: list[int] = []

    def begin(self, prompt: Sequence[int]) -> Always:
        self.prompt = list(prompt)
        return self

    def draw(self, row: int, position: int) -> int:
        return self._token

    def accept(self, token: int) -> None:
        self.accepted.append(token)

    def close(self) -> None:
        pass


def assert_resumes_anywhere(limits: m.Limits) -> None:
    first = Worker().take(limits)
    assert len(first.deltas) > 3
    for cut in range(1, len(first.deltas)):
        told = first.deltas[:cut]
        tokens = [token for delta in told for token in delta.tokens]
        second = Worker().take(limits, tokens)
        assert "".join(delta.text for delta in told) + second.text == first.text
        assert (second.end.reason, second.end.stop) == (first.end.reason, first.end.stop)
        assert tokens + [t for d in second.deltas for t in d.tokens] == [
            t for d in first.deltas for t in d.tokens
        ]
        assert second.end.num_completion_tokens == first.end.num_completion_tokens


@pytest.mark.parametrize(
    "limits",
    [
        m.Limits(max_tokens=20),
        m.Limits(),
        m.Limits(stop=(WHOLE[9:14], WHOLE[12:30], WHOLE[3:8] + "#")),
        m.Limits(max_tokens=12, logprobs=1),
    ],
    ids=["max_tokens", "context_full", "stop strings, held back and not", "logprobs"],
)
def test_answer_goes_on_at_any_token(limits: m.Limits) -> None:
    assert_resumes_anywhere(limits)


def test_characters_of_several_tokens_are_cut_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = "åäöéüßñç€漢語字𝄞".encode()
    monkeypatch.setattr(FakeEngine, "piece", lambda engine, token: letters[token % len(letters) :][:1])
    assert_resumes_anywhere(m.Limits(max_tokens=30))


def test_sampler_sees_the_prompt_and_accepts_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Always(ord("x"))
    monkeypatch.setattr(FakeEngine, "new_sampler", lambda engine, s, prompt, c: sampler.begin(prompt))
    worker = Worker().take(m.Limits(max_tokens=4), [97, 98])
    assert (sampler.prompt, sampler.accepted, worker.text) == (PROMPT, list(b"abxx"), "xx")


def test_answer_that_its_sampler_cannot_go_on_with_ends_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = Always(END, fault="too complex; simplify it")
    monkeypatch.setattr(FakeEngine, "new_sampler", lambda engine, s, prompt, c: sampler.begin(prompt))
    worker = Worker()
    worker.take(m.Limits())
    assert worker.told[-1] == m.Refused(1, "InvalidRequest", "too complex; simplify it")


def test_resumed_answer_is_admitted_with_its_prompts_own_length() -> None:
    worker = Worker().take(m.Limits(max_tokens=4), [97, 98])
    assert worker.told[0] == m.Admitted(1, len(PROMPT), 0, "")
    assert worker.end.num_prompt_tokens == len(PROMPT)


@pytest.mark.parametrize(
    "told", [[97] * 59, [97] * 500, [99_999]], ids=["just full", "too long", "no such token"]
)
def test_answer_that_nobody_can_have_begun_is_refused(told: list[int]) -> None:
    (refused,) = Worker().take(m.Limits(), told).told
    assert isinstance(refused, m.Refused) and refused.error == "InvalidRequest"
