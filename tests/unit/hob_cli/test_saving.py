"""Conversations as files: what is in them, who can read them, and what happens to those that are odd."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pyrage
import pytest
from hob_cli import saving, sealing
from hob_cli.conversation import Conversation
from hob_cli.keeping import Wish, open_place, take_up, wish_of
from hob_cli.saving import Saver
from hob_cli.sealing import Lock
from hob_client.errors import InvalidRequest, NotPermitted
from hob_client.values import Media
from hypothesis import given
from hypothesis import strategies as st

SECRET = "the canary sings at noon"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HOB_CONFIG", raising=False)
    return tmp_path


def talk(text: str = SECRET, **said: Any) -> Conversation:
    conversation = Conversation(model="tiny", system="be brief", parameters={"seed": 7}, **said)
    conversation.say(text)
    conversation.turns.append({"role": "assistant", "content": "it does"})
    return conversation


def fresh() -> Conversation:
    return Conversation(model="", system="", parameters={})


def resumed(path: Path, **said: Any) -> Conversation:
    conversation = fresh()
    take_up(conversation, Wish(resume=path, **said))
    return conversation


def test_conversation_comes_back_as_it_was(home: Path) -> None:
    open_place(home / "talk.age", Wish()).save(talk())
    found = resumed(home / "talk.age")
    assert (found.model, found.system, found.parameters) == ("tiny", "be brief", {"seed": 7})
    assert found.messages() == talk().messages()


def test_saved_text_is_encrypted_unless_plain_is_asked_for(home: Path) -> None:
    open_place(home / "talk.age", Wish()).save(talk())
    open_place(home / "talk.json", Wish(plain=True)).save(talk())
    assert SECRET.encode() not in (home / "talk.age").read_bytes()
    assert SECRET.encode() in (home / "talk.json").read_bytes()
    assert resumed(home / "talk.json").messages() == talk().messages()


def test_only_the_owner_can_read_file_and_key(home: Path) -> None:
    open_place(home / "talk.age", Wish()).save(talk())
    for path in (home / "talk.age", sealing.key_path()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_key_is_made_once_and_said_aloud(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_place(home / "a.age", Wish())
    assert str(sealing.key_path()) in capsys.readouterr().err
    open_place(home / "b.age", Wish())
    assert capsys.readouterr().err == ""


def test_recipient_can_read_and_the_own_key_cannot(home: Path) -> None:
    other = pyrage.x25519.Identity.generate()
    (home / "key").touch(mode=0o600)
    (home / "key").write_text(f"# mine\n{other}\n")
    sealing.own_recipient()
    open_place(home / "talk.age", Wish(recipients=(str(other.to_public()),))).save(talk())
    assert resumed(home / "talk.age", identity=home / "key").messages() == talk().messages()
    with pytest.raises(InvalidRequest, match="key does not open it"):
        resumed(home / "talk.age")


@pytest.mark.slow
def test_passphrase_opens_what_it_locked_and_no_other_does(home: Path) -> None:
    Saver(home / "talk.age", Lock(passphrase="horse")).save(talk())
    with pytest.raises(InvalidRequest, match="passphrase is not right"):
        saving.load(home / "talk.age", passphrase="donkey")
    assert saving.load(home / "talk.age", passphrase="horse")["turns"][0]["content"] == SECRET


def test_images_come_back(home: Path) -> None:
    shown = talk()
    shown.show([Media(data=b"\x89PNG", mime_type="image/png")])
    shown.say("what is it?")
    open_place(home / "talk.age", Wish()).save(shown)
    assert resumed(home / "talk.age").messages() == shown.messages()


def test_calls_without_results_still_wait(home: Path) -> None:
    waiting = talk()
    waiting.turns[-1]["tool_calls"] = [{"id": "1", "name": "look", "arguments": "{}"}]
    open_place(home / "talk.age", Wish()).save(waiting)
    found = resumed(home / "talk.age")
    found.say("nothing there")
    assert found.messages()[-1] == {"role": "tool", "tool_call_id": "1", "content": "nothing there"}


def test_nothing_is_written_over_but_what_is_gone_on_with(home: Path) -> None:
    path = home / "talk.age"
    open_place(path, Wish()).save(talk())
    with pytest.raises(InvalidRequest, match="exists"):
        open_place(path, Wish())
    open_place(path, Wish(resume=path)).save(talk("more"))
    assert resumed(path).messages()[1]["content"] == "more"


def test_failed_save_leaves_what_was_there_and_no_litter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saver = open_place(home / "talk.age", Wish())
    saver.save(talk())
    before = saver.path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotPermitted, match="No space left"):
        saver.save(talk("more"))
    assert saver.path.read_bytes() == before
    assert sorted(path.name for path in home.iterdir()) == ["config", "talk.age"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no conversation that"),
        (SECRET.encode(), "no conversation that"),
        (b'{"format": "hob conversation", "version": 2}', "another version"),
        (b'{"format": "hob conversation", "version": 1}', "damaged"),
        (b"[" * 100_000, "no conversation that"),
        (sealing.HEADER + b"-> X25519 junk\n", "stays closed"),
    ],
    ids=["empty", "text", "version", "bare", "deep", "age"],
)
def test_odd_file_is_refused_without_quoting_it(home: Path, data: bytes, words: str) -> None:
    (home / "odd").write_bytes(data)
    sealing.own_recipient()
    with pytest.raises(InvalidRequest, match=words) as caught:
        resumed(home / "odd")
    assert SECRET not in caught.value.message


def test_key_that_others_can_read_is_refused(home: Path) -> None:
    open_place(home / "talk.age", Wish()).save(talk())
    sealing.key_path().chmod(0o640)
    with pytest.raises(NotPermitted, match="can be read by others"):
        resumed(home / "talk.age")


def test_recipient_that_is_none_is_told_before_anything_is_said(home: Path) -> None:
    with pytest.raises(InvalidRequest, match="'age1x' is no recipient"):
        open_place(home / "talk.age", Wish(recipients=("age1x",)))


def test_ways_to_lock_exclude_each_other() -> None:
    said = {"save": None, "resume": None, "recipients": ("age1",), "identity": None}
    with pytest.raises(InvalidRequest, match="exclude each other"):
        wish_of({**said, "passphrase": False, "plain": True})


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text()), max_size=6))
def test_any_text_comes_back(turns: list[tuple[str, str]]) -> None:
    conversation, found = fresh(), fresh()
    conversation.turns += [{"role": role, "content": text} for role, text in turns]
    import json

    saving.restore(found, json.loads(saving.dump(conversation)), Path("talk"))
    assert found.turns == conversation.turns
