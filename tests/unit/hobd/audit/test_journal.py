"""The journal goes on after restarts, rotates, mends what a crash tore, and never stops its daemon."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hob import audit
from hob.audit import read
from hobd.audit.journal import Journal


def journal(folder: Path, *, max_bytes: int = 1 << 20, num_files: int = 3) -> Journal:
    return Journal(folder, max_bytes=max_bytes, num_files=num_files)


def records(folder: Path) -> list[audit.Record]:
    return [json.loads(line) for line in read(folder)]


def assert_whole(folder: Path, *, prev: str | None = audit.GENESIS) -> None:
    assert audit.check(read(folder), prev=prev).faults == ()


def test_records_hang_together_over_restarts(tmp_path: Path) -> None:
    for number in range(3):
        told = journal(tmp_path / "audit")
        told.write("daemon_started", version=f"{number}")
        told.write("request", model="m", uid=1000, detail="")
        told.close()
    assert_whole(tmp_path / "audit")
    kinds = [record["kind"] for record in records(tmp_path / "audit")]
    assert kinds == ["daemon_started", "request"] * 3
    assert "detail" not in records(tmp_path / "audit")[1]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    journal(tmp_path / "audit").write("x")
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "audit" / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_old_files_are_forgotten_and_the_rest_still_hangs_together(tmp_path: Path) -> None:
    told = journal(tmp_path, max_bytes=1000, num_files=3)
    for number in range(60):
        told.write("request", number=number)
    assert {path.name for path in tmp_path.iterdir()} == {"audit.jsonl", "audit.1.jsonl", "audit.2.jsonl"}
    assert_whole(tmp_path, prev=None)
    kept = [record["number"] for record in records(tmp_path)]
    assert kept == list(range(kept[0], 60)) and len(kept) < 60


def test_restart_just_after_a_rotation_goes_on_with_the_chain(tmp_path: Path) -> None:
    told = journal(tmp_path, max_bytes=400)
    for _ in range(4):
        told.write("request")
    told.close()
    (tmp_path / "audit.jsonl").write_bytes(b"")
    told = journal(tmp_path, max_bytes=400)
    told.write("request")
    assert records(tmp_path)[-1]["prev"] == records(tmp_path)[-2]["hash"]


@pytest.mark.parametrize("torn", [b'{"at":"20', b"\xff\xfe", b"x" * 9000], ids=["half", "no text", "long"])
def test_torn_end_is_cut_off_and_told(tmp_path: Path, torn: bytes) -> None:
    told = journal(tmp_path)
    told.write("request")
    told.close()
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(torn)
    journal(tmp_path).write("request")
    assert [record["kind"] for record in records(tmp_path)] == ["request", "torn_record", "request"]
    assert_whole(tmp_path)


def test_disk_that_is_full_stops_nobody_and_misses_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = journal(tmp_path)
    told.write("first")
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda fd, data: (_ for _ in ()).throw(OSError(28, "No space left")))
        told.write("lost")
        told.write("lost too")
    told.write("last")
    assert [(r["kind"], r.get("num_missed")) for r in records(tmp_path)] == [("first", None), ("last", 2)]
    assert_whole(tmp_path)


def test_half_a_write_leaves_no_half_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, write = journal(tmp_path), os.write
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        told.write("lost")
    told.write("kept")
    assert [record["kind"] for record in records(tmp_path)] == ["kept"]


def test_folder_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = journal(tmp_path / "file" / "audit")
    told.write("request")


def test_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit.jsonl").symlink_to(tmp_path / "target")
    journal(tmp_path / "audit").write("request")
    assert (tmp_path / "target").read_text() == "mine"


def test_long_text_is_cut(tmp_path: Path) -> None:
    journal(tmp_path).write("connection_refused", executable="/" + "x" * 5000)
    (line,) = read(tmp_path)
    assert len(line) < audit.MAX_LINE_BYTES
