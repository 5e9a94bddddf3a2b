"""The daemon as clients meet it: real sockets, real processes, scripted workers."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from hob_client import Client, errors

from tests.daemon import RunningDaemon, await_true
from tests.fakes.engine import POISON, expected_answer


def complete(client: Client, model: str, prompt: str, **options: object) -> str:
    return client.complete(model, prompt, temperature=0, max_tokens=12, **options).text


def test_answer_streams_back_with_a_receipt(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        answer = client.complete("ok", "hello", temperature=0, max_tokens=8, seed=7)
    assert answer.text == expected_answer(b"hello", 8)
    receipt = answer.receipt
    assert (receipt.model, receipt.num_prompt_tokens, receipt.seed) == ("ok", 5, 7)
    assert receipt.num_completion_tokens == len(answer.text)


def test_chat_goes_through_the_models_template(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        rendered = client.apply_template("ok", [{"role": "user", "content": "hi"}])
        text = client.ask("ok", [{"role": "user", "content": "hi"}], temperature=0, max_tokens=8).text
    assert rendered.prompt == "user:hi\n"
    assert text == expected_answer(b"user:hi\n", 8)


def test_sixteen_callers_each_get_their_own_answer(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    answers: dict[int, str] = {}
    with daemon.start().client() as client:

        def ask(index: int) -> None:
            answers[index] = complete(client, "ok", f"prompt {index}")

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {index: expected_answer(f"prompt {index}".encode(), 12) for index in range(16)}


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("unusable", errors.ModelUnusable, "it is not a GGUF file"),
        ("memory", errors.OutOfMemory, "does not fit into memory"),
        ("segv-while-loading", errors.ModelUnusable, "killed by SIGSEGV"),
        ("garbage", errors.WorkerCrashed, "broke the contract while loading"),
        ("huge-frame", errors.WorkerCrashed, "over the cap"),
        ("early-step", errors.WorkerCrashed, "a Step while loading"),
    ],
)
def test_worker_that_fails_or_attacks_is_one_sentence_and_others_go_on(
    daemon: RunningDaemon, script: str, error: type[Exception], message: str
) -> None:
    daemon.add_model("bad", f"{script}\n")
    daemon.add_model("ok")
    with daemon.start().client() as client:
        with pytest.raises(error, match=message):
            complete(client, "bad", "hello")
        assert complete(client, "ok", "hello") == expected_answer(b"hello", 12)
    assert len(psutil.Process(daemon.pid).children()) == 1


def test_worker_that_dies_in_its_probe_starts_again_degraded_and_is_remembered(daemon: RunningDaemon) -> None:
    daemon.add_model("fragile", "segv-in-probe\n")
    with daemon.start().client() as client:
        assert client.complete("fragile", "hello", max_tokens=1).receipt.degraded
        assert "SIGSEGV" in client.status().residents[0].degraded
        client.unload("fragile")
        assert complete(client, "fragile", "hello") == expected_answer(b"hello", 12)
    assert daemon.log.count("probe_failed") == 1


def test_closing_a_stream_frees_its_lane(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    settings = ("--set", "engine.lanes=1", "--set", "engine.context_tokens=100000")
    with daemon.start(*settings).client() as client:
        with closing(client.generate("slow", "x", temperature=0, ignore_eos=True)) as events:
            next(event for event in events if event.text)
        assert complete(client, "slow", "hello", max_queue_ms=5000) == expected_answer(b"hello", 12)
        await_true(lambda: client.status().num_sessions == 0, "the abandoned session is gone")


def test_unknown_model_is_answered_with_near_names(daemon: RunningDaemon) -> None:
    daemon.add_model("smollm2")
    with daemon.start().client() as client, pytest.raises(errors.ModelNotFound) as caught:
        complete(client, "smolm2", "hello")
    assert caught.value.suggestions == ("smollm2",)


def test_prompt_too_long_is_refused_with_both_numbers(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start("--set", "engine.context_tokens=64").client() as client:
        with pytest.raises(errors.PromptTooLong) as caught:
            complete(client, "ok", "x" * 100)
        assert (caught.value.needed_tokens, caught.value.available_tokens) == (100, 63)
        receipt = client.complete("ok", "x" * 100, truncation_strategy="keep_end", max_tokens=4).receipt
    assert receipt.truncated and receipt.num_prompt_tokens == 60 and receipt.num_dropped_tokens == 40


def test_deadline_ends_an_answer_with_what_there_is(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    with daemon.start("--load", "slow").client() as client:
        await_true(lambda: client.status().residents, "the model is loaded")
        answer = client.complete("slow", "x", temperature=0, ignore_eos=True, max_total_ms=300)
    assert answer.finish_reason == "deadline" and 0 < answer.receipt.num_completion_tokens < 40


def test_idle_model_makes_room_for_another(daemon: RunningDaemon) -> None:
    for name in ("a", "b"):
        daemon.add_model(name)
    with daemon.start("--set", "models.max_resident=1").client() as client:
        for name in ("a", "b", "a"):
            assert complete(client, name, "hello") == expected_answer(b"hello", 12)
        assert [resident.model for resident in client.status().residents] == ["a"]
    assert len(psutil.Process(daemon.pid).children()) == 1


def test_worker_of_a_model_that_is_not_there_goes_where_none_is_to_be_spare(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start("--load", "nosuch").client() as client:
        await_true(lambda: not psutil.Process(daemon.pid).children(), "the worker has gone")
        assert complete(client, "ok", "hello") == expected_answer(b"hello", 12)


def test_unloaded_model_leaves_no_process(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        complete(client, "ok", "hello")
        worker = psutil.Process(client.status().residents[0].worker_pid)
        family = [worker, *worker.children(recursive=True)]
        assert client.unload("ok").was_resident
        psutil.wait_procs(family, 5)
        assert not any(process.is_running() for process in family)
        assert not client.unload("ok").was_resident


def test_sigterm_lets_answers_finish_and_takes_no_new_ones(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    with daemon.start().client() as client:
        events = client.generate("slow", "hello", temperature=0, ignore_eos=True, max_tokens=25)
        next(event for event in events if event.text)
        daemon.signal(signal.SIGTERM)
        await_true(lambda: "draining" in daemon.log, "the daemon drains")
        with pytest.raises(errors.Draining):
            complete(client, "slow", "hello")
        assert list(events)[-1].done.num_completion_tokens == 25
        assert daemon.wait() == 0
    assert not daemon.socket.exists()


def test_second_sigterm_does_not_wait(daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    with daemon.start().client() as client:
        events = client.generate("slow", "hello", temperature=0, ignore_eos=True)
        next(event for event in events if event.text)
        daemon.signal(signal.SIGTERM)
        await_true(lambda: "draining" in daemon.log, "the daemon drains")
        daemon.signal(signal.SIGTERM)
        with pytest.raises(errors.HobError):
            list(events)
        assert daemon.wait() == 0


def test_workers_do_not_outlive_a_killed_daemon(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        complete(client, "ok", "hello")
        family = psutil.Process(daemon.pid).children(recursive=True)
    daemon.signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, 5)
    assert family and not alive


def test_second_daemon_says_so_and_the_first_goes_on(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        second = subprocess.run(
            [sys.executable, "-I", "-m", "hobd"],
            env=daemon.environment,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert second.returncode == 1 and f"(pid {daemon.pid})" in second.stderr
        assert complete(client, "ok", "hello") == expected_answer(b"hello", 12)


def test_daemon_after_a_killed_one_takes_the_stale_socket_over(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    daemon.start().signal(signal.SIGKILL)
    daemon.wait()
    assert daemon.socket.exists()
    with daemon.start().client() as client:
        assert complete(client, "ok", "hello") == expected_answer(b"hello", 12)


def test_nothing_listens_on_tcp(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start().client() as client:
        complete(client, "ok", "hello")
        family = [psutil.Process(daemon.pid), *psutil.Process(daemon.pid).children(recursive=True)]
        inodes = set()
        for process in family:
            for link in Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                    inodes.add(str(link.readlink()))
        for table in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
            rows = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            column = 8 if table == "packet" else 9
            assert not {f"socket:[{row.split()[column]}]" for row in rows} & inodes


def test_no_word_of_a_prompt_reaches_log_or_disk(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    daemon.add_model("poison", "poison\n")
    with daemon.start("--set", "daemon.log_level=debug").client() as client:
        complete(client, "ok", "CANARYPROMPT")
        with pytest.raises(errors.ModelNotFound):
            complete(client, "CANARYMODEL", "CANARYPROMPT")
        with pytest.raises(errors.InvalidRequest):
            complete(client, "ok", "CANARYPROMPT", stop=["CANARYPROMPT" * 100])
        with pytest.raises(errors.WorkerCrashed):
            complete(client, "poison", "CANARYPROMPT" + POISON)
    daemon.stop()
    for path in daemon.home.rglob("*"):
        assert not path.is_file() or b"CANARYPROMPT" not in path.read_bytes(), path


def test_sighup_applies_what_it_can_and_keeps_serving_when_it_cannot(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    config = daemon.home / "config.toml"
    config.write_text("[models]\nmax_resident = 1\n")
    with daemon.start("--config", str(config)).client() as client:
        config.write_text("[limits]\nmax_prompt_bytes = 1024\n")
        daemon.signal(signal.SIGHUP)
        await_true(lambda: "config_reloaded" in daemon.log, "the daemon reloads")
        with pytest.raises(errors.InvalidRequest, match="allows 1024"):
            complete(client, "ok", "x" * 2000)
        config.write_text("nonsense = 1\n")
        daemon.signal(signal.SIGHUP)
        await_true(lambda: "config_refused" in daemon.log, "the daemon refuses the new file")
        assert complete(client, "ok", "hello") == expected_answer(b"hello", 12)


def test_idle_daemon_ends_when_told_to(daemon: RunningDaemon) -> None:
    daemon.add_model("ok")
    with daemon.start("--set", "daemon.idle_exit_seconds=1").client() as client:
        complete(client, "ok", "hello")
    assert daemon.wait(10) == 0
