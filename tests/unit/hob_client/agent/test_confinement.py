"""No path leads out of the working directory, whoever made the links and whenever."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hob_client.agent.confinement import Place
from hob_client.agent.values import ToolFault
from hob_client.errors import InvalidRequest
from hypothesis import given, settings
from hypothesis import strategies as st

CANARY = "outside"
PARTS = st.sampled_from([".", "..", "in", "out", "link", "file", "/", "//", "proc", "self", "root", "x"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(build(tmp_path))


def build(folder: Path) -> Path:
    """A project with links that stay and links that leave, beside a file that is nobody's business."""
    (folder / "outside").mkdir()
    (folder / "outside" / "file").write_text(CANARY)
    project = folder / "project"
    (project / "in").mkdir(parents=True)
    (project / "in" / "file").write_text("inside")
    (project / "link").symlink_to("in")
    (project / "out").symlink_to(folder / "outside")
    (project / "in" / "out").symlink_to("../../outside/file")
    (project / "proc").symlink_to("/proc/self/root")
    return project


@settings(max_examples=40)  # each makes files
@given(parts=st.lists(PARTS, min_size=1, max_size=8), is_absolute=st.booleans())
def test_whatever_is_read_or_written_is_inside(parts: list[str], is_absolute: bool) -> None:
    with TemporaryDirectory() as name:
        place = Place(build(Path(name)))
        text = (f"{place.root}/" if is_absolute else "") + "/".join(parts)
        try:
            path = place.inside(text)
            assert ".." not in path.parts and place.absolute(path).resolve().is_relative_to(place.root)
            place.write(path, b"changed")
            assert place.read(path) == b"changed"
        except ToolFault:
            pass
        assert (Path(name) / "outside" / "file").read_text() == CANARY


@pytest.mark.parametrize(
    "text",
    [
        "../outside/file",
        "out/file",
        "in/out",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/self/root//etc/passwd",
        "proc/etc/passwd",
        "in/../../outside/file",
        "",
        "a\0b",
        "x" * 5000,
        "\udcff",
    ],
    ids=ascii,
)
def test_path_that_leads_out_is_refused(place: Place, text: str) -> None:
    with pytest.raises(ToolFault):
        place.read(place.inside(text))


def test_link_that_stays_inside_is_followed(place: Place) -> None:
    assert place.inside("link/file") == PurePosixPath("in/file")
    assert place.read(place.inside(str(place.root / "link/file"))) == b"inside"


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_swapped_for_a_link_after_it_was_resolved_is_refused(place: Place, is_folder: bool) -> None:
    path = place.inside("in/file")
    swapped = place.root / ("in" if is_folder else "in/file")
    swapped.rename(place.root / "away")
    swapped.symlink_to("../outside" if is_folder else "../../outside/file")
    with pytest.raises(ToolFault):
        place.read(path)
    with pytest.raises(ToolFault):
        place.write(path, b"changed")


def test_pipe_is_refused_at_once(place: Place) -> None:
    os.mkfifo(place.root / "pipe")
    with pytest.raises(ToolFault, match="no plain file"):
        place.read(place.inside("pipe"))


def test_write_keeps_the_mode_and_leaves_no_draft(place: Place) -> None:
    (place.root / "in/file").chmod(0o750)
    place.write(PurePosixPath("in/file"), b"new")
    assert (place.root / "in/file").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(place.root / "in")) == ["file", "out"]


def test_write_makes_folders(place: Place) -> None:
    place.write(place.inside("a/b/c.txt"), b"new")
    assert (place.root / "a/b/c.txt").read_bytes() == b"new"


def test_large_file_is_refused_with_its_size(place: Place) -> None:
    (place.root / "big").write_bytes(b"x" * 100)
    with pytest.raises(ToolFault, match="100 bytes; at most 10"):
        place.read(PurePosixPath("big"), 10)


def test_walk_follows_no_link(place: Place) -> None:
    assert {str(path) for path, _ in place.walk(PurePosixPath("."))} == {
        "in",
        "in/file",
        "in/out",
        "link",
        "out",
        "proc",
    }


@pytest.mark.parametrize("root", ["/", "/proc", "/etc"])
def test_tools_do_not_work_where_everything_is(root: str) -> None:
    with pytest.raises(InvalidRequest, match="directory of a project"):
        Place(Path(root))
