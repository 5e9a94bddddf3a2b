"""What models are not shown, by whichever way they ask."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath

import pytest
from hob_client.agent.confinement import Place
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.file_tools import SPECS, FileTools
from hob_client.agent.files import Files
from hob_client.agent.values import ToolFault


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("src/.env", "build/out.txt", "deep/keep.log", "deep/skip.log", "private/a.txt", "src/a.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("needle\n")
    (tmp_path / ".gitignore").write_text("build/\n*.log\n!keep.log\n")
    (tmp_path / ".hobignore").write_text("private/\n")
    (tmp_path / "deep/.gitignore").write_text("skip.log\n")
    return Place(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "src/.env",
        "src/.ENV",
        ".git/config",
        ".git",
        "id_rsa",
        "a/.ssh/known_hosts",
        "server.key",
        ".hobignore",
        "build/out.txt",
        "deep/skip.log",
        "private/a.txt",
        "notes.secret",
    ],
)
def test_file_is_left_out(place: Place, path: str) -> None:
    with pytest.raises(ToolFault, match="kept from models"):
        Exclusions(place, ["*.secret"]).check(PurePosixPath(path))


@pytest.mark.parametrize("path", ["src/a.py", "deep/keep.log", ".gitignore", ".env.example", "keys.py"])
def test_other_files_are_not(place: Place, path: str) -> None:
    Exclusions(place).check(PurePosixPath(path))


def test_project_cannot_lift_what_protects_secrets(place: Place) -> None:
    (place.root / ".hobignore").write_text("!.env\n!.git/\n")
    assert Exclusions(place).why(PurePosixPath("src/.env"))


def test_line_that_is_no_pattern_leaves_the_others(place: Place) -> None:
    (place.root / ".hobignore").write_text("!\nprivate/\n")
    assert Exclusions(place).why(PurePosixPath("private/a.txt"))


def test_ignore_file_that_is_a_link_counts(place: Place) -> None:
    (place.root / "deep/rules").write_text("keep.log\n")
    (place.root / "deep/.hobignore").symlink_to("rules")
    assert Exclusions(place).why(PurePosixPath("deep/keep.log"))


@pytest.mark.parametrize("kind", ["large", "outside", "folder"])
def test_ignore_file_that_cannot_be_read_leaves_out_its_folder(place: Place, kind: str) -> None:
    path = place.root / "src/.hobignore"
    if kind == "large":
        path.write_text("# \n" * 200_000)
    elif kind == "outside":
        path.symlink_to("/etc/hostname")
    else:
        path.mkdir()
    assert Exclusions(place).why(PurePosixPath("src/a.py"))
    assert not Exclusions(place).why(PurePosixPath("deep/keep.log"))


@pytest.mark.parametrize(
    ("name", "arguments"), [("list_files", {"depth": 9}), ("search_files", {"text": "ee"})]
)
def test_lists_and_searches_leave_out_the_same(place: Place, name: str, arguments: dict[str, object]) -> None:
    tools = FileTools(Files(place, Exclusions(place)))
    spec = next(spec for spec in SPECS if spec.name == name)

    async def ask() -> str:
        return await (await tools.prepare(spec, arguments)).do()

    told = asyncio.run(ask())
    assert "src/a.py" in told and "deep/keep.log" in told
    assert not [word for word in (".env", "private", "out.txt", "skip") if word in told]
