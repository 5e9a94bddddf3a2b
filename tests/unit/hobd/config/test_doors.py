"""Tables of doors: what they become, and what every mistake in one is told.

Must stay below tmp_path.
Run by pytest.
"""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest
from hobd.config import DoorSettings, Terms, door_files, load, to_toml
from hobd.config.doors import MODES, settings, to_table, words
from hobd.errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st

text = st.text(st.characters(categories=("L", "N", "P", "Zs"), include_characters='\n\t"\\'), max_size=20)
names = st.lists(st.text("abc*?", min_size=1, max_size=5), max_size=3).map(tuple)
some_terms = st.builds(
    Terms, models=names, max_tokens=st.integers(0, 9), system_prompt=text, incognito=st.booleans()
)
some_door = st.builds(
    DoorSettings,
    name=st.just("ci"),
    path=st.sampled_from(["", "/srv/hob/ci.sock", "~/ci.sock"]),
    terms=some_terms,
    users=st.dictionaries(st.sampled_from(["*", "1001", "alice"]), some_terms, min_size=1),
    mode=st.sampled_from([0o600, 0o666]),
)


def complaint(tmp_path: Path, content: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {}, [])
    return caught.value.message.replace(f"{tmp_path}/", "")


@given(door=some_door)
def test_table_becomes_the_door_that_it_was_made_of(door: DoorSettings) -> None:
    assert settings("", "ci", to_table(door)) == door


@given(door=some_door)
def test_file_holds_what_was_written(door: DoorSettings, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = tmp_path_factory.mktemp("config") / "config.toml"
    config.touch()
    file = door_files.write(config, door)
    (found,) = load(config, {}, []).doors
    assert msgspec.structs.replace(found, source="") == door
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_printed_configuration_has_the_doors(tmp_path: Path) -> None:
    path, again = tmp_path / "config.toml", tmp_path / "again.toml"
    path.write_text(
        '[doors.ci]\nmode = 0o660\ngroup = "g"\nmodels = ["a*"]\n[doors.ci.users.1001]\nmax_tokens = 5\n'
    )
    again.write_text(to_toml(load(path, {}, [])))
    first, second = load(path, {}, []).doors[0], load(again, {}, []).doors[0]
    assert msgspec.structs.replace(second, source="") == msgspec.structs.replace(first, source="")
    assert first.mode == MODES["0660"] and first.users["1001"] == Terms(models=("a*",), max_tokens=5)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[doors.ci]\nmode = 660", ':1: doors.ci.mode must be "0600", "0660" or "0666", not 660'),
        ("[doors.ci]\nmodel = []", ":1: unknown key doors.ci.model; did you mean models?"),
        ("[doors.owner]", ":1: a door's name must be 1 to 32"),
        ("\n[doors.Ci]", ":2: a door's name must be 1 to 32"),
        ("[doors]\nci = 1", ":1: doors are tables; write [doors.NAME] above their keys"),
        ("[doors.ci]\noperations = ['own']", ":1: doors.ci.operations must be a list of"),
        ("[doors.ci]\noperations = []", ":1: doors.ci.operations is empty; grant one of"),
        ("[doors.ci]\nmax_tokens = -1", ":1: doors.ci.max_tokens must be an integer from 0"),
        ("[doors.ci]\nincognito = 1", ":1: doors.ci.incognito must be true or false, not 1"),
        ("[doors.ci]\nmodels = ['a\\u0000']".replace("'", '"'), ":1: doors.ci.models has characters that do"),
        (
            "[doors.ci]\nmode = '0666'",
            ":1: doors.ci.mode 0666 lets others come to the door, and it admits none",
        ),
        ("[doors.ci]\nmode = '0660'\nusers = ['*']", ":1: doors.ci.mode 0660 is for a group; name it"),
        ("[doors.ci]\ngroup = 'g'", ":1: doors.ci.group counts with mode 0660 only"),
        ("[doors.ci]\npath = 'ci.sock'", ":1: doors.ci.path must be an absolute path"),
        ("[doors.ci]\nusers = [{}]", ":1: doors.ci.users must be a list of at most 256 names"),
        ("[doors.ci.users]\n1001 = 3", ":1: doors.ci.users.1001 must be a table of terms, not 3"),
        ("[doors.ci.users.1001]\npath = '/a'", ":1: unknown key doors.ci.users.1001.path"),
    ],
)
def test_mistake_is_told_with_its_place(tmp_path: Path, content: str, expected: str) -> None:
    assert f"config.toml{expected}" in complaint(tmp_path, content)


def test_pinned_prompt_is_in_no_complaint_and_no_repr(tmp_path: Path) -> None:
    told = complaint(tmp_path, f'[doors.ci]\nsystem_prompt = "{"canary " * 10_000}"')
    assert "doors.ci.system_prompt must be text of at most 65536 characters" in told and "canary" not in told
    assert "canary" not in repr(Terms(system_prompt="canary"))


def test_door_that_is_told_twice_is_refused(tmp_path: Path) -> None:
    door_files.write(tmp_path / "config.toml", DoorSettings(name="ci"))
    assert "doors.d/ci.toml: door ci is in config.toml already; keep one" in complaint(tmp_path, "[doors.ci]")


def test_link_in_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "doors.d"
    victim.write_text("kept")
    folder.mkdir()
    (folder / "ci.new").symlink_to(victim)
    with pytest.raises(ConfigError, match="cannot be written"):
        door_files.write(tmp_path / "config.toml", DoorSettings(name="ci"))
    assert victim.read_text() == "kept"


def test_words_say_what_is_granted() -> None:
    terms = Terms(operations=("infer", "observe"), models=("a*",), max_concurrent=2, raw_prompts=False)
    assert words(terms) == "infer and observe, models a*, 2 at once, chats only"
