"""The conversation of `hob chat` and its /commands."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hob_cli import slash
from hob_cli.conversation import Conversation
from hob_client.errors import Busy, InvalidRequest
from hob_client.events import Delta, Event
from hob_client.values import Media


@pytest.fixture
def talk() -> Conversation:
    conversation = Conversation(model="m", system="", parameters={})
    conversation.say("one?")
    list(conversation.listen(answer("one", "!")))
    return conversation


def answer(*texts: str, then: Exception | None = None) -> Generator[Event, None, None]:
    for text in texts:
        yield Delta(text=text, num_tokens=1)
    if then is not None:
        raise then


def roles(conversation: Conversation) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in conversation.messages()]


def test_answer_becomes_a_turn(talk: Conversation) -> None:
    assert roles(talk) == [("user", "one?"), ("assistant", "one!")]


def test_answer_stopped_midway_is_kept_as_far_as_it_came(talk: Conversation) -> None:
    talk.say("two?")
    events = talk.listen(answer("two", " and more"))
    next(events)
    events.close()
    assert roles(talk)[2:] == [("user", "two?"), ("assistant", "two")]


def test_question_without_answer_gives_way_to_the_next(talk: Conversation) -> None:
    talk.say("two?")
    with pytest.raises(Busy):
        list(talk.listen(answer(then=Busy("busy"))))
    talk.say("three?")
    assert roles(talk)[2:] == [("user", "three?")]


@pytest.mark.parametrize("text", ["", "two"], ids=["unanswered", "answered"])
def test_retry_asks_the_last_question_again(talk: Conversation, text: str) -> None:
    talk.say("two?")
    list(talk.listen(answer(*filter(None, [text]))))
    with pytest.raises(slash.Ask) as caught:
        slash.run(talk, "/retry")
    assert caught.value.question == "two?"
    assert roles(talk) == [("user", "one?"), ("assistant", "one!")]


def test_retry_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="nothing to retry"):
        slash.run(Conversation(model="", system="", parameters={}), "/retry")


def test_system_prompt_stands_first_and_survives_a_reset(talk: Conversation) -> None:
    slash.run(talk, "/system be brief")
    slash.run(talk, "/reset")
    assert roles(talk) == [("system", "be brief")]


def test_model_is_changed(talk: Conversation) -> None:
    slash.run(talk, "/model big")
    assert talk.model == "big"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/params temperature=0.5 seed=7", {"temperature": 0.5, "seed": 7}),
        ("/params stop=END", {"stop": "END"}),
        ("/params reset", {}),
    ],
    ids=["numbers", "text", "reset"],
)
def test_parameters_are_set(talk: Conversation, line: str, expected: dict[str, Any]) -> None:
    slash.run(talk, line)
    assert talk.parameters == expected


def test_wrong_parameter_changes_nothing(talk: Conversation) -> None:
    with pytest.raises(InvalidRequest, match="seed"):
        slash.run(talk, "/params temperature=1 sed=7")
    assert talk.parameters == {}


def test_unknown_command_is_refused(talk: Conversation) -> None:
    with pytest.raises(InvalidRequest, match="/help"):
        slash.run(talk, "/frobnicate")


def test_help_lists_every_command(talk: Conversation) -> None:
    assert all(name in slash.run(talk, "/help") for name in slash.COMMANDS)


def test_repr_of_a_conversation_shows_no_text(talk: Conversation) -> None:
    assert "one" not in repr(talk)


def test_image_goes_with_the_next_question_and_with_its_retry(talk: Conversation, tmp_path: Path) -> None:
    (tmp_path / "a cat.png").write_bytes(b"png")
    assert "goes with your next question" in slash.run(talk, f"/image {tmp_path / 'a cat.png'}")
    shown = [Media(data=b"png"), "two?"]
    talk.say("two?")
    assert talk.messages()[-1]["content"] == shown
    assert talk.take_back() == "two?"
    talk.say("two?")
    assert talk.messages()[-1]["content"] == shown
    talk.say("three?")
    assert talk.messages()[-1]["content"] == "three?"


@pytest.mark.parametrize("line", ["/image", "/audio", "/image {}/none.png"])
def test_image_that_is_not_there_is_told(talk: Conversation, tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidRequest, match=r"name a(nother)? file"):
        slash.run(talk, line.format(tmp_path))


def test_image_that_no_request_may_hold_is_not_even_read(talk: Conversation, tmp_path: Path) -> None:
    with (tmp_path / "great.png").open("wb") as file:
        file.truncate((12 << 20) + 1)
    with pytest.raises(InvalidRequest, match="is over 12 MiB"):
        slash.run(talk, f"/image {tmp_path / 'great.png'}")
