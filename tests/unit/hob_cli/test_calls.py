"""Tools from a file, calls as lines, and a conversation in which results follow calls."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from hob_cli.calls import CallPrinter, call_options
from hob_cli.conversation import Conversation
from hob_client.errors import InvalidRequest
from hob_client.events import Delta, Event, ToolCallDelta


def piece(index: int, arguments: str, id: str = "", name: str = "") -> ToolCallDelta:
    return ToolCallDelta(index=index, id=id, name=name, arguments=arguments)


TWO_CALLS = [piece(0, "", "a", "f"), piece(0, '{"x": '), piece(0, "1}"), piece(1, "{}", "b", "g")]


def read_tools(file: Path) -> object:
    @click.command()
    @call_options
    def command(**options: object) -> object:
        return options["tools"]

    return command.main(["--tools", str(file)], standalone_mode=False)


def given_talk(*events: Event) -> Conversation:
    talk = Conversation(model="m", system="", parameters={})
    talk.say("q")
    list(talk.listen(event for event in events))
    return talk


@pytest.mark.parametrize("text", ['[{"name": "f"}]', '{"name": "f"}'], ids=["list", "single"])
def test_tools_are_read_from_a_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "tools.json").write_text(text)
    assert read_tools(tmp_path / "tools.json") == [{"name": "f"}]


@pytest.mark.parametrize(
    "text", ["SECRET", "[" * 60_000, "5", None], ids=["no JSON", "deep", "number", "absent"]
)
def test_file_without_tools_is_refused_by_its_name(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tools.json").write_text(text)
    with pytest.raises(InvalidRequest, match=r"tools\.json") as refusal:
        read_tools(tmp_path / "tools.json")
    assert "SECRET" not in str(refusal.value)


def test_each_call_is_one_line_when_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    printer = CallPrinter()
    for delta in TWO_CALLS[:3]:
        printer.show(delta)
    assert capsys.readouterr().out == ""
    printer.show(TWO_CALLS[3])
    printer.close()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"id": "a", "name": "f", "arguments": {"x": 1}},
        {"id": "b", "name": "g", "arguments": {}},
    ]


def test_call_that_is_cut_off_is_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    printer = CallPrinter()
    printer.show(piece(0, '{"x', "a", "f"))
    printer.close()
    assert json.loads(capsys.readouterr().out)["arguments"] == '{"x'


def test_lines_after_calls_are_their_results() -> None:
    talk = given_talk(Delta(text="See:", num_tokens=1), *TWO_CALLS)
    assert talk.is_waiting
    talk.say("one")
    assert talk.is_waiting
    talk.say("two")
    assert not talk.is_waiting
    assert [(turn["role"], turn.get("tool_call_id")) for turn in talk.messages()[1:]] == [
        ("assistant", None),
        ("tool", "a"),
        ("tool", "b"),
    ]


def test_retry_takes_calls_and_results_back() -> None:
    talk = given_talk(*TWO_CALLS)
    talk.say("one")
    assert talk.take_back() == "q" and not talk.is_waiting and talk.messages() == []


def test_call_that_was_cut_off_waits_for_nothing() -> None:
    talk = given_talk(piece(0, '{"x', "a", "f"))
    assert not talk.is_waiting and [turn["role"] for turn in talk.messages()] == ["user"]
