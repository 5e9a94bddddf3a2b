"""The commands of `hob` against a daemon that follows a script."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from hob.v1 import inference_pb2 as pb
from hob_cli.completing import complete_model
from hob_cli.main import cli

from tests.command_line import CommandLine
from tests.fakes.daemon import HANG, WAIT_SECONDS, FakeDaemon, refusal, tell

HELLO, *REST = tell("Hello", ", hob!")
HOB = [sys.executable, "-I", "-c", "from hob_cli.main import main; main()"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOB_SOCKET", str(tmp_path / "hob.sock"))
    return tmp_path / "hob.sock"


@pytest.fixture
def daemon(path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(path) as running:
        yield running


@pytest.fixture
def hob(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


def test_run_prints_the_answer_and_nothing_else(hob: CommandLine, daemon: FakeDaemon) -> None:
    outcome = hob("run", "hi")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Hello, hob!", "")


def test_run_sends_what_the_options_say(hob: CommandLine, daemon: FakeDaemon) -> None:
    options = ["--temperature", "0", "--stop", "a", "--stop", "b", "--truncate", "drop-oldest", "--incognito"]
    assert hob("run", "-m", "tiny", "--system", "be", *options, "hi", stdin=b"more\n").code == 0
    (request,) = daemon.requests
    assert [part.content[0].text for part in request.messages] == ["be", "hi\n\nmore"]
    assert request.sampling == pb.Sampling(temperature=0)
    assert list(request.limits.stop) == ["a", "b"]
    strategy = pb.TRUNCATION_STRATEGY_DROP_OLDEST_MESSAGES
    assert request.options == pb.RequestOptions(incognito=True, truncation_strategy=strategy)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--json-answer"], pb.ResponseFormat(json=pb.JsonFormat())),
        (["--json"], pb.ResponseFormat()),  # how it is printed, not what it is
        (["--json-schema", '{"type": "null"}'], pb.ResponseFormat(json_schema='{"type": "null"}')),
        (["--json-schema", "schema.json"], pb.ResponseFormat(json_schema="{}")),
        (["--regex", "a+"], pb.ResponseFormat(regex="a+")),
        (["--grammar", "a.lark"], pb.ResponseFormat(lark='start: "a"')),
        (["--grammar", "a.gbnf"], pb.ResponseFormat(gbnf='root ::= "a"')),
        (["--choice", "a", "--choice", "b"], pb.ResponseFormat(choice=pb.ChoiceFormat(choices=["a", "b"]))),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_run_sends_the_shape_of_the_answer(
    hob: CommandLine,
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: list[str],
    expected: pb.ResponseFormat,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("schema.json", "{}"), ("a.lark", 'start: "a"'), ("a.gbnf", 'root ::= "a"')):
        Path(name).write_text(text)
    assert hob("run", *options, "hi").code == 0
    assert daemon.requests[0].response_format == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--json-schema", "nowhere.json"], "nowhere.json cannot be read"),
        (["--regex", "a", "--json-answer"], "an answer has one shape"),
    ],
    ids=["no such file", "two shapes"],
)
def test_run_refuses_a_shape_that_cannot_be(
    hob: CommandLine, daemon: FakeDaemon, options: list[str], words: str
) -> None:
    outcome = hob("run", *options, "hi")
    assert outcome.code != 0 and words in outcome.err and not daemon.requests


def test_run_keeps_reasoning_and_calls_apart_from_the_answer(hob: CommandLine, path: Path) -> None:
    thought = pb.Event(delta=pb.TokenDelta(text="Hm.", is_reasoning=True))
    call = pb.Event(tool_call=pb.ToolCallDelta(id="c1", name="now", arguments='{"zone": "CET"}'))
    tools = path.with_name("tools.json")
    tools.write_text('[{"name": "now"}]')
    with FakeDaemon(path, HELLO, thought, *tell("Let me see.")[1:2], call, *REST[-1:]) as daemon:
        outcome = hob("run", "--tools", str(tools), "--tool-choice", "now", "--no-reasoning", "hi")
    line = '{"id": "c1", "name": "now", "arguments": {"zone": "CET"}}'
    assert (outcome.out, outcome.err) == (f"Let me see.\n{line}\n", "Hm.")
    (request,) = daemon.requests
    assert (request.tools[0].name, request.tool_choice.name) == ("now", "now")
    assert request.reasoning.HasField("enabled") and not request.reasoning.enabled


def test_run_shows_images_and_sounds_before_its_prompt(hob: CommandLine, daemon: FakeDaemon) -> None:
    files = [daemon.path.with_name(name) for name in ("a.png", "b.png", "c.wav")]
    for file in files:
        file.write_bytes(file.name.encode())
    one, other, third = map(str, files)
    assert hob("run", "--image", one, "--audio", third, "--image", other, "what?").code == 0
    parts = daemon.requests[0].messages[0].content
    assert [part.media.data for part in parts[:3]] == [b"a.png", b"b.png", b"c.wav"]
    assert parts[3].text == "what?"
    assert hob("run", "--raw", "--image", one, "what?").code == 2


def test_raw_run_has_no_tools(hob: CommandLine, daemon: FakeDaemon) -> None:
    outcome = hob("run", "--raw", "--reasoning", "hi")
    assert outcome.code == 2 and "--reasoning needs the chat template" in outcome.err


def test_raw_run_continues_text(hob: CommandLine, daemon: FakeDaemon) -> None:
    hob("run", "--raw", stdin=b"Once\n")
    assert daemon.requests == [pb.GenerateRequest(text="Once\n", **empty_parts())]


def empty_parts() -> dict[str, object]:
    return {"sampling": pb.Sampling(), "limits": pb.Limits(), "options": pb.RequestOptions()}


def test_json_run_is_one_object_a_line(hob: CommandLine, daemon: FakeDaemon) -> None:
    events = [json.loads(line) for line in hob("run", "--json", "hi").out.splitlines()]
    assert [event["event"] for event in events] == ["started", "delta", "delta", "done"]
    assert events[-1]["receipt"]["seed"] == 7


def test_stats_go_to_stderr(hob: CommandLine, daemon: FakeDaemon) -> None:
    outcome = hob("run", "--stats", "hi")
    assert outcome.out == "Hello, hob!"
    assert "2 tokens in 10 ms (200.0 tok/s)" in outcome.err


def test_invalid_utf8_on_stdin_never_reaches_the_daemon(hob: CommandLine, daemon: FakeDaemon) -> None:
    outcome = hob("run", stdin=b"secret \xff")
    assert (outcome.code, daemon.requests) == (4, [])
    assert outcome.err == "hob: stdin is not valid UTF-8 at byte 7; convert it first, as with iconv\n"


def test_warning_is_told_beside_the_answer(hob: CommandLine, path: Path) -> None:
    warning = pb.Event(warning=pb.Warning(code="slow", message="this is slow"))
    with FakeDaemon(path, HELLO, warning, *REST):
        outcome = hob("run", "hi")
    assert (outcome.out, outcome.err) == ("Hello, hob!", "hob: warning: this is slow\n")


def test_error_has_its_exit_code_and_suggestions(hob: CommandLine, path: Path) -> None:
    with FakeDaemon(path, refusal("model_not_found", "there is no model tny", suggestions=["tiny"])):
        outcome = hob("run", "-m", "tny", "hi")
    assert (outcome.code, outcome.err) == (5, "hob: there is no model tny; did you mean tiny?\n")


def test_json_error_says_what_is_known(hob: CommandLine, path: Path) -> None:
    too_long = refusal("prompt_too_long", "too long", needed_tokens=9, available_tokens=4)
    with FakeDaemon(path, too_long):
        outcome = hob("run", "--json", "hi")
    expected = {"code": "prompt_too_long", "message": "too long", "needed_tokens": 9, "available_tokens": 4}
    assert (outcome.code, json.loads(outcome.err)) == (4, {"error": expected})


@pytest.mark.parametrize("command", [["ps"], ["status"], ["stop", "--all"], ["run", "--no-start", "hi"]])
def test_without_a_daemon_none_is_started(hob: CommandLine, path: Path, command: list[str]) -> None:
    outcome = hob(*command)
    assert (outcome.code, outcome.out) == (3, "")
    assert str(path) in outcome.err


@pytest.mark.parametrize("where", ["before", "after"])
def test_socket_can_be_named_before_the_command_and_after(
    hob: CommandLine, tmp_path: Path, where: str
) -> None:
    other = ["--socket", str(tmp_path / "other.sock")]
    with FakeDaemon(tmp_path / "other.sock"):
        outcome = hob(*other, "status") if where == "before" else hob("status", *other)
    assert outcome.code == 0


def test_ps_shows_the_resident(hob: CommandLine, daemon: FakeDaemon) -> None:
    header, row, _waiting, footer = hob("ps").out.splitlines()
    assert header.split()[:3] == ["MODEL", "STATE", "LANES"]
    assert row.split()[:5] == ["tiny", "ready", "1/4", "2", "10/8192"]
    assert "no AMX; without its draft tinier: no model is called so" in row
    assert footer.startswith("hobd 0.1.0, pid 7")


@pytest.mark.parametrize("command", ["ps", "models", "status", "version"])
def test_json_of_every_reading_command_can_be_parsed(
    hob: CommandLine, daemon: FakeDaemon, command: str
) -> None:
    assert isinstance(json.loads(hob(command, "--json").out), dict)


def test_models_names_the_adapters(hob: CommandLine, daemon: FakeDaemon) -> None:
    assert "story" in hob("models").out
    models = json.loads(hob("models", "--json").out)["models"]
    assert [adapter["name"] for adapter in models[0]["adapters"]] == ["story"]


def test_adapters_are_named_with_their_scales_or_without(hob: CommandLine, daemon: FakeDaemon) -> None:
    assert hob("run", "--lora", "story=0.5", "--lora", "a=b=-1", "--lora", "poem", "hi").code == 0
    asked = {lora.name: lora.scale for lora in daemon.requests[-1].loras}
    assert asked == {"story": 0.5, "a=b": -1.0, "poem": 1.0}
    assert "write NAME=0.7" in hob("run", "--lora", "story=much", "hi").err


def test_models_lists_the_catalog(hob: CommandLine, daemon: FakeDaemon) -> None:
    assert [line.split()[0] for line in hob("models").out.splitlines()] == ["MODEL", "tiny", "big"]


def test_load_says_what_is_in_memory(hob: CommandLine, daemon: FakeDaemon) -> None:
    loaded, draft = hob("load", "tiny", "--pin").err.splitlines()
    assert loaded == "hob: tiny is in memory: 100.0 MiB, 4 lanes"
    assert draft == "hob: without its draft tinier: no model is called so"
    assert daemon.requests[0].pin


def test_stop_all_unloads_every_resident_and_every_load(hob: CommandLine, daemon: FakeDaemon) -> None:
    hob("stop", "--all")
    assert [request.model for request in daemon.requests[1:]] == ["tiny", "arriving"]


def test_stop_daemon_drains(hob: CommandLine, daemon: FakeDaemon) -> None:
    assert "1 requests finished" in hob("stop", "--daemon").err


def test_version_does_not_need_a_daemon(hob: CommandLine) -> None:
    outcome = hob("version", "--json")
    assert (outcome.code, json.loads(outcome.out)["daemon"]) == (0, None)


def test_model_names_complete_from_a_running_daemon(daemon: FakeDaemon) -> None:
    context = cli.make_context("hob", ["ps"])
    assert complete_model(context, context.command.params[0], "b") == ["big", "b"]


def test_model_names_complete_to_nothing_without_a_daemon(path: Path) -> None:
    context = cli.make_context("hob", ["ps"])
    assert complete_model(context, context.command.params[0], "") == []


def test_chat_takes_one_turn_a_line(hob: CommandLine, daemon: FakeDaemon) -> None:
    outcome = hob("chat", stdin=b"one\n\n/system be\ntwo\n")
    assert outcome.out == "Hello, hob!\n" * 2
    turns = [part.content[0].text for part in daemon.requests[1].messages]
    assert turns == ["be", "one", "Hello, hob!", "two"]


def test_chat_from_a_pipe_ends_at_the_first_error(hob: CommandLine, path: Path) -> None:
    with FakeDaemon(path, refusal("busy", "no lane")) as daemon:
        assert hob("chat", stdin=b"one\ntwo\n").code == 7
    assert len(daemon.requests) == 1


def test_interrupt_keeps_the_text_and_cancels_on_the_daemon(path: Path) -> None:
    with FakeDaemon(path, HELLO, REST[0], HANG) as daemon:
        with subprocess.Popen([*HOB, "run", "hi"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as hob:
            assert hob.stdout is not None
            assert hob.stdout.read(5) == b"Hello"
            hob.send_signal(signal.SIGINT)
            assert hob.wait(WAIT_SECONDS) == 130
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_reader_that_goes_away_ends_the_answer(path: Path) -> None:
    with FakeDaemon(path, HELLO, REST[0], *[REST[0]] * 5000, HANG) as daemon:
        with subprocess.Popen(
            [*HOB, "run", "hi"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as hob:
            assert hob.stdout is not None and hob.stderr is not None
            hob.stdout.close()
            assert (hob.wait(WAIT_SECONDS), hob.stderr.read()) == (141, b"")
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_terminal_gets_no_control_characters(path: Path) -> None:
    with FakeDaemon(path, *tell("\x1b]0;title\x07")):
        terminal = pexpect.spawn(HOB[0], [*HOB[1:], "run", "hi"], timeout=WAIT_SECONDS)
        terminal.expect(pexpect.EOF)
        terminal.close()
    assert terminal.before == rb"\x1b]0;title\x07" + b"\r\n"


@pytest.fixture
def terminal(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pexpect.spawn]:
    """`hob chat` in a terminal; the test starts its daemon."""
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with FakeDaemon(path, HELLO, REST[0], HANG):
        chat = pexpect.spawn(HOB[0], [*HOB[1:], "chat"], timeout=WAIT_SECONDS)
        chat.expect(">>>")
        yield chat
        chat.close()


def test_chat_survives_interrupts_and_leaves_at_end_of_file(terminal: pexpect.spawn) -> None:
    terminal.send("hi\r")
    terminal.expect("Hello")
    terminal.sendintr()
    terminal.expect(">>>")
    terminal.send("/help\r")
    terminal.expect("/retry")
    terminal.expect(">>>")
    terminal.sendeof()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_alt_enter_makes_a_second_line(terminal: pexpect.spawn) -> None:
    terminal.send("/frob\x1b\rnicate\r")
    terminal.expect("there is no command /frob")


def test_several_answers_come_one_below_the_other(hob: CommandLine, path: Path) -> None:
    started, one, two, done = tell("one", "two")
    two.delta.answer = 1
    done.done.answers.add(answer=1, finish_reason=pb.FINISH_REASON_EOS)
    with FakeDaemon(path, started, two, one, done) as daemon:
        outcome = hob("run", "-n", "2", "hi")
    assert outcome.out == "one\ntwo\n" and "answer 2 of 2:" in outcome.err
    assert daemon.requests[0].limits.num_answers == 2
