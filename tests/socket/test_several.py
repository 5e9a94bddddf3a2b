"""Several answers to one prompt: one stream, all of them or none."""

from __future__ import annotations

import psutil
import pytest
from hob_client import Client, errors
from hob_client.events import Answer, AnswerBuilder

from tests.daemon import RunningDaemon, await_true
from tests.fakes.engine import expected_answer


@pytest.fixture
def client(daemon: RunningDaemon) -> Client:
    daemon.add_model("model", "ok\n")
    return daemon.start().client()


def all_of(answer: Answer) -> list[Answer]:
    return [answer, *answer.others]


def test_each_answer_is_marked_and_whole(client: Client) -> None:
    with client:
        answer = client.complete("model", "hello", num_answers=3, max_tokens=8)
    assert [one.text for one in all_of(answer)] == [expected_answer(b"hello", 8)] * 3
    assert answer.receipt.num_completion_tokens == 3 * len(answer.text)
    assert answer.receipt.num_prompt_tokens == 5


def test_prompt_is_computed_once(client: Client) -> None:
    with client:
        client.complete("model", "hello " * 30, num_answers=8, max_tokens=4)
        resident = client.status().residents[0]
    assert resident.num_prompt_tokens - resident.num_cached_tokens <= 180 + 7


def test_leaving_early_cancels_all(client: Client) -> None:
    with client:
        events = client.generate("model", "hello", num_answers=4, max_tokens=400, ignore_eos=True)
        next(event for event in events if event.text)
        events.close()
        await_true(lambda: client.status().num_sessions == 0, "nobody is asked any more")
        assert client.status().residents[0].num_running == 0


def test_all_go_on_after_the_death_of_their_worker(client: Client) -> None:
    asked = {"max_tokens": 300, "ignore_eos": True}
    builder, is_killed = AnswerBuilder(), False
    with client:
        whole = client.complete("model", "hello", **asked).text
        for event in client.generate("model", "hello", num_answers=4, **asked):
            builder.add(event)
            if event.text and not is_killed:
                psutil.Process(client.status().residents[0].worker_pid).kill()
                is_killed = True
    assert [one.text for one in all_of(builder.finish())] == [whole] * 4
    assert builder.finish().receipt.resumed


def test_more_than_a_daemon_takes_is_refused_whole(daemon: RunningDaemon) -> None:
    daemon.add_model("model", "ok\n")
    with daemon.start("--set", "daemon.max_sessions=2").client() as client:
        with pytest.raises(errors.Busy):
            client.complete("model", "hello", num_answers=3)
        await_true(lambda: client.status().num_sessions == 0, "none was left behind")
