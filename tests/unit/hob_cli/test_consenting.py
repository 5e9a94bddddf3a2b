"""What is shown before a call, and what counts as a yes."""

from __future__ import annotations

import asyncio

import pytest
from hob_cli.consenting import TextScreen, ask_nobody, parse_word
from hob_client.agent.consent import Question, Reply
from hob_client.agent.telling import unmasked
from hob_client.agent.values import Action, Call, Change, Kind, Outcome
from hypothesis import given
from hypothesis import strategies as st

CALL = Call(id="1", name="edit_file", arguments={})


async def do() -> str:
    return ""


@pytest.mark.parametrize(
    ("text", "reply", "why"),
    [
        ("y", Reply.YES, ""),
        (" Yes ", Reply.YES, ""),
        ("a", Reply.SESSION, ""),
        ("always", Reply.SESSION, ""),
        ("n", Reply.NO, ""),
        ("no, use another file", Reply.NO, "use another file"),
    ],
)
def test_word_of_a_person(text: str, reply: Reply, why: str) -> None:
    word = parse_word(text)
    assert word is not None and (word.reply, word.why) == (reply, why)


@pytest.mark.parametrize("text", ["", " ", "ok", "yess", "y but not that", "1", "a b"])
def test_what_is_neither_is_asked_again(text: str) -> None:
    assert parse_word(text) is None


def test_nobody_says_no() -> None:
    action = Action(kind=Kind.READ, title="", scope="", do=do)
    question = Question(call=CALL, action=action, why_asked="", holds_for_session=True)
    assert asyncio.run(ask_nobody(question)).reply is Reply.NO


def test_change_is_shown_as_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    change = Change(path="a", before="one\n", after="two\x1b[2J\u202e\n")
    action = Action(kind=Kind.WRITE, title="edit a\nb", scope="", do=do, change=change)
    TextScreen().begin(CALL, action)
    told = capsys.readouterr()
    assert "* edit a\\nb\n" in told.err and "  -one\n" in told.err and told.out == ""
    assert "  +two\\x1b[2J\\u202e\n" in told.err


def test_output_of_a_command_is_shown_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    screen = TextScreen()
    screen.begin(CALL, Action(kind=Kind.SHELL, title="$ seq 30", scope="", do=do))
    screen.end(CALL, Outcome(text="\n".join(map(str, range(30))), is_done=True))
    told = capsys.readouterr().err
    assert "  | 19\n  | ... 10 more lines\n" in told


@given(st.text())
def test_nothing_that_could_pretend_is_left(text: str) -> None:
    told = unmasked(text, is_line=True)
    assert told.isprintable() or all(letter.isprintable() or letter.isspace() for letter in told)
    assert not set(told) & set("\n\r\t\x1b\u202e\u200b\u2028\x9b")
