"""Answers outlive their workers: killed at any point, nothing is lost and nothing comes twice."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from hob_client import Client, errors
from hob_client.values import Receipt

from tests.daemon import RunningDaemon, await_true
from tests.fakes.engine import POISON

Answers = dict[str, tuple[str, Receipt] | errors.HobError]


def kill_worker(client: Client) -> None:
    """Kills the worker that holds the model, as soon as there is one."""
    await_true(lambda: client.status().residents, "the model is in memory")
    psutil.Process(client.status().residents[0].worker_pid).kill()


def scripted(script: str) -> str:
    """All of one size, since a file that changed its size is refused unread."""
    return f"{script}\n".ljust(32)


def replace_model(daemon: RunningDaemon, script: str) -> None:
    """What the next worker will make of the model."""
    (daemon.models / "model.gguf").unlink()
    daemon.add_model("model", scripted(script))


def ask(client: Client, prompt: str, **options: object) -> tuple[str, Receipt]:
    answer = client.complete("model", prompt, **({"ignore_eos": True, "max_tokens": 60} | options))
    return answer.text, answer.receipt


def ask_all(client: Client, prompts: list[str], meanwhile: Callable[[], None] = lambda: None) -> Answers:
    """All at once; an error is an answer too."""
    answers: Answers = {}

    def collect(prompt: str) -> None:
        try:
            answers[prompt] = ask(client, prompt)
        except errors.HobError as error:
            answers[prompt] = error

    threads = [threading.Thread(target=collect, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    meanwhile()
    for thread in threads:
        thread.join()
    return answers


def texts(answers: Answers) -> dict[str, str]:
    return {prompt: answer[0] for prompt, answer in answers.items() if isinstance(answer, tuple)}


@pytest.fixture
def slow(daemon: RunningDaemon) -> RunningDaemon:
    daemon.add_model("model", scripted("slow"))
    return daemon.start()


def test_answer_goes_on_after_its_worker_was_killed(slow: RunningDaemon) -> None:
    with slow.client() as client:
        whole, _ = ask(client, "x")
        events = list_and_kill(client, "x")
        assert "".join(event.text for event in events) == whole
        stages = [event.stage for event in events if event.kind == "progress"]
        receipt = events[-1].done
        assert "recovering" in stages and receipt.resumed and receipt.num_completion_tokens == 60
        assert sum(event.num_tokens for event in events if event.kind == "delta") == 60
        assert client.status().residents[0].num_restarts == 1


def list_and_kill(client: Client, prompt: str, **options: object) -> list:
    """All events of an answer whose worker is killed after a few of its tokens."""
    events, is_killed = [], False
    for event in client.generate("model", prompt, **({"ignore_eos": True, "max_tokens": 60} | options)):
        events.append(event)
        if not is_killed and sum(len(event.text) for event in events) >= 10:
            kill_worker(client)
            is_killed = True
    return events


def test_eight_streams_survive_kills_at_random_points_unchanged(slow: RunningDaemon) -> None:
    """Each kill comes when all have got on since the last one; without headway a request is a suspect."""
    heard = {f"prompt {index}" * (1 + index % 3): 0 for index in range(8)}
    kinds = {"temperature": 0, "ignore_eos": True, "max_tokens": 90}

    def listen(prompt: str) -> None:
        for event in client.generate("model", prompt, **kinds):
            heard[prompt] += event.num_tokens if event.kind == "delta" else 0
            if event.kind == "done":
                ends[prompt] = event.receipt
            texts_heard[prompt] = texts_heard.get(prompt, "") + event.text

    with slow.client() as client:
        undisturbed = {prompt: client.complete("model", prompt, **kinds).text for prompt in heard}
        ends: dict[str, Receipt] = {}
        texts_heard: dict[str, str] = {}
        threads = [threading.Thread(target=listen, args=(prompt,)) for prompt in heard]
        for thread in threads:
            thread.start()
        for _ in range(3):
            enough = min(heard.values()) + 17 + random.randrange(5)
            await_true(lambda: min(heard.values()) >= enough, "all have got on", seconds=60)  # noqa: B023
            kill_worker(client)
        for thread in threads:
            thread.join()
        assert texts_heard == undisturbed
        assert (
            all(end.num_completion_tokens == 90 and end.resumed for end in ends.values()) and len(ends) == 8
        )
        assert client.status().residents[0].num_restarts == 3 and client.status().num_sessions == 0


def test_times_of_a_resumed_answer_add_up(slow: RunningDaemon) -> None:
    with slow.client() as client:
        ask(client, "x", max_tokens=1)
        began = time.monotonic()
        receipt = list_and_kill(client, "x")[-1].done
        took_ms = (time.monotonic() - began) * 1000
    assert 0 <= took_ms - (receipt.queue_ms + receipt.prefill_ms + receipt.decode_ms) < 150
    assert receipt.queue_ms > 50 and receipt.decode_ms > 50 * 20


def test_stop_string_is_found_across_the_death(slow: RunningDaemon) -> None:
    with slow.client() as client:
        whole, _ = ask(client, "x")
        stop = whole[8:30]  # the worker dies with its beginning held back
        events = list_and_kill(client, "x", stop=[stop, "never"])
        assert "".join(event.text for event in events) == whole[: whole.index(stop)]
        assert events[-1].answers[0].stop == stop


def test_logprobs_of_a_resumed_answer_are_whole(slow: RunningDaemon) -> None:
    with slow.client() as client:
        events = list_and_kill(client, "x", logprobs=1)
    entries = [entry for event in events if event.kind == "delta" for entry in event.logprobs]
    assert len(entries) == 60
    assert b"".join(entry.token for entry in entries).decode() == "".join(event.text for event in events)


@pytest.mark.parametrize("script", ["poison", "breach"])
def test_request_that_kills_workers_is_given_up_alone(daemon: RunningDaemon, script: str) -> None:
    daemon.add_model("model", f"{script}\n")
    innocent = ["a", "bb", "ccc"]
    with daemon.start().client() as client:
        undisturbed = texts(ask_all(client, innocent))
        answers = ask_all(client, [*innocent, POISON])
        assert texts(answers) == undisturbed
        with pytest.raises(errors.WorkerCrashed, match=r"given up: the worker died \d times"):
            raise answers[POISON]  # type: ignore[misc]
        assert ask(client, "a")[0] == undisturbed["a"]
        assert client.status().residents[0].num_restarts <= 6


def test_poison_that_is_alone_gets_two_tries(daemon: RunningDaemon) -> None:
    daemon.add_model("model", "poison\n")
    with daemon.start().client() as client:
        with pytest.raises(errors.WorkerCrashed, match=r"died 2 times .* killed by SIGSEGV"):
            ask(client, POISON)
        assert ask(client, "a", max_tokens=1)[1].num_completion_tokens == 1
    assert daemon.log.count("event=worker_died") == 2 and "event=request_given_up" in daemon.log


def test_closing_a_stream_while_it_recovers_leaves_nothing(slow: RunningDaemon) -> None:
    with slow.client() as client:
        events = client.generate("model", "x", ignore_eos=True)
        next(event for event in events if event.text)
        kill_worker(client)
        next(event for event in events if event.kind == "progress" and event.stage == "recovering")
        events.close()
        await_true(lambda: client.status().num_sessions == 0, "the session is gone")
        await_true(lambda: client.status().residents, "the model is back")
        assert client.status().residents[0].num_running == 0
        assert client.unload("model").was_resident, "nobody holds a lease"


def test_deadline_in_a_recovery_ends_the_answer_with_what_there_is(daemon: RunningDaemon) -> None:
    daemon.add_model("model", scripted("slow"))
    with daemon.start("--load", "model").client() as client:
        await_true(lambda: client.status().residents, "the model is loaded")
        events = client.generate("model", "x", ignore_eos=True, max_total_ms=400)
        text = next(event.text for event in events if event.text)
        replace_model(daemon, "silent")
        kill_worker(client)
        rest = list(events)
    text += "".join(event.text for event in rest)
    assert rest[-1].finish_reason == "deadline"
    assert rest[-1].done.num_completion_tokens == len(text) > 0


def test_model_that_cannot_be_loaded_again_fails_its_requests(slow: RunningDaemon) -> None:
    with slow.client() as client:
        events = client.generate("model", "x", ignore_eos=True)
        next(event for event in events if event.text)
        replace_model(slow, "unusable")
        kill_worker(client)
        with pytest.raises(errors.ModelUnusable, match="not a GGUF file"):
            list(events)


def test_stopped_model_is_not_loaded_again(slow: RunningDaemon) -> None:
    with slow.client() as client:
        events = client.generate("model", "x", ignore_eos=True)
        next(event for event in events if event.text)
        client.unload("model", force=True)
        with pytest.raises(errors.WorkerCrashed, match="model was stopped"):
            list(events)
        assert not client.status().residents


def test_worker_that_dies_while_the_daemon_drains_is_not_replaced(slow: RunningDaemon) -> None:
    with slow.client() as client:
        events = client.generate("model", "x", ignore_eos=True)
        next(event for event in events if event.text)
        slow.signal(signal.SIGTERM)
        await_true(lambda: "draining" in slow.log, "the daemon drains")
        psutil.Process(slow.pid).children()[0].kill()
        with pytest.raises(errors.WorkerCrashed, match="was not replaced"):
            list(events)
        assert slow.wait() == 0


def test_next_request_finds_a_model_whose_idle_worker_was_killed(slow: RunningDaemon) -> None:
    with slow.client() as client:
        ask(client, "x", max_tokens=1)
        kill_worker(client)
        await_true(lambda: not client.status().residents, "the death is noticed, and nobody waits")
        assert ask(client, "x", max_tokens=2)[1].num_completion_tokens == 2


def test_wait_for_a_lane_is_limited_across_a_death(daemon: RunningDaemon) -> None:
    daemon.add_model("model", scripted("slow"))
    with daemon.start("--set", "engine.lanes=1").client() as client:
        first = client.generate("model", "x", ignore_eos=True)
        next(event for event in first if event.text)
        second = client.generate("model", "y", max_queue_ms=400)
        next(event for event in second if event.kind == "progress")
        time.sleep(0.1)
        replace_model(daemon, "silent")
        kill_worker(client)
        with pytest.raises(errors.Busy, match="no lane of model came free within 400 ms"):
            list(second)
        first.close()
