"""The tools for files: what they tell, what they change, and that nothing happens before consent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hob_client.agent import edits
from hob_client.agent.confinement import Place
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.file_tools import SPECS, FileTools
from hob_client.agent.files import Files
from hob_client.agent.values import Action, Change, ToolFault
from hypothesis import given
from hypothesis import strategies as st

LINES = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=8).map("\n".join)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.txt").write_text("Two\n")
    (tmp_path / "sub/c.bin").write_bytes(b"\0two")
    return tmp_path


def prepare(project: Path, name: str, **arguments: Any) -> Action:
    place = Place(project)
    spec = next(spec for spec in SPECS if spec.name == name)
    return asyncio.run(FileTools(Files(place, Exclusions(place))).prepare(spec, arguments))


def use(project: Path, name: str, **arguments: Any) -> str:
    return asyncio.run(_done(prepare(project, name, **arguments)))


async def _done(action: Action) -> str:
    return await action.do()


def test_read_tells_lines_with_their_numbers_and_what_is_left(project: Path) -> None:
    told = use(project, "read_file", path="a.py", first_line=2, num_lines=1)
    assert told == "     2\ttwo\n[1 more lines, up to 3]"


def test_list_has_folders_and_files_and_takes_a_pattern(project: Path) -> None:
    assert use(project, "list_files") == "a.py\nsub/\nsub/b.txt\nsub/c.bin"
    assert use(project, "list_files", pattern="*.py") == "a.py"
    assert use(project, "list_files", depth=1) == "a.py\nsub/"


def test_search_tells_places_and_passes_over_what_is_no_text(project: Path) -> None:
    assert use(project, "search_files", text="two") == "a.py:2: two"
    found = use(project, "search_files", text="two", ignore_case=True)
    assert found == "a.py:2: two\nsub/b.txt:1: Two"


def test_edit_shows_its_change_and_makes_it_only_when_it_is_done(project: Path) -> None:
    action = prepare(project, "edit_file", path="a.py", old_text="two", new_text="2")
    assert action.change == Change(path="a.py", before="one\ntwo\nthree\n", after="one\n2\nthree\n")
    assert (project / "a.py").read_text() == "one\ntwo\nthree\n"
    asyncio.run(_done(action))
    assert (project / "a.py").read_text() == "one\n2\nthree\n"


def test_file_that_changes_while_a_person_thinks_is_left_alone(project: Path) -> None:
    action = prepare(project, "write_file", path="a.py", content="x")
    (project / "a.py").write_text("mine")
    with pytest.raises(ToolFault, match="changed meanwhile"):
        asyncio.run(_done(action))
    assert (project / "a.py").read_text() == "mine"


def test_new_file_is_a_change_from_nothing(project: Path) -> None:
    action = prepare(project, "write_file", path="new/x.txt", content="")
    assert action.change is not None and action.change.before is None
    asyncio.run(_done(action))
    assert (project / "new/x.txt").read_text() == ""


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("read_file", {"path": 7}, "path must be text"),
        ("read_file", {"path": "sub/c.bin"}, "no UTF-8 text"),
        ("read_file", {"path": "a.py", "first_line": 0}, "first_line must be a whole number"),
        ("read_file", {"path": "a.py", "num_lines": True}, "num_lines must be a whole number"),
        ("edit_file", {"path": "a.py", "old_text": "e", "new_text": ""}, "more than once"),
        ("edit_file", {"path": "a.py", "old_text": "four", "new_text": ""}, "not in the file"),
        ("edit_file", {"path": "a.py", "old_text": "one", "new_text": "one"}, "nothing would change"),
        ("edit_file", {"path": "none", "old_text": "one", "new_text": ""}, "no such file"),
        ("write_file", {"path": "sub", "content": ""}, "no plain file"),
        ("write_file", {"path": "x", "content": "\ud800"}, "not valid Unicode"),
        ("search_files", {"text": ""}, "text is empty"),
        ("search_files", {"text": "x", "ignore_case": "yes"}, "true or false"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_call_that_cannot_be_done_is_one_sentence(
    project: Path, name: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolFault, match=words):
        use(project, name, **arguments)


@given(before=LINES, after=LINES)
def test_difference_counts_what_comes_and_goes(before: str, after: str) -> None:
    more, fewer = edits.counts(Change(path="f", before=before, after=after))
    assert more - fewer == len(after.splitlines()) - len(before.splitlines())


def test_difference_of_large_texts_takes_no_time_to_speak_of() -> None:
    before, after = "\n".join("ab" * 20_000), "\n".join("ba" * 20_000)
    assert len(edits.difference(Change(path="f", before=before, after=after))) == 80_003
