"""`hob audit` on journals that are whole, and on others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hob import audit
from hob_cli import exits
from hob_cli.main import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines, head = [], audit.GENESIS
    for number, model in enumerate(["a", "b", "a"], start=1):
        fields = {
            "kind": "request",
            "uid": 1000,
            "door": "owner",
            "model": model,
            "num_prompt_tokens": number,
        }
        record = audit.seal(fields, number, head)
        lines.append(audit.to_line(record))
        head = record["hash"]
    audit.path(tmp_path, 1).write_text("".join(lines[:2]))
    audit.path(tmp_path, 0).write_text(lines[2])
    return tmp_path


def hob(*arguments: object) -> int:
    return run(["audit", *map(str, arguments)])


def test_whole_journal_over_two_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hob("verify", "--folder", folder) == exits.OK
    assert capsys.readouterr().out.startswith("3 records, head ")


def test_changed_record_is_named_by_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = audit.path(folder, 1)
    file.write_text(file.read_text().replace('"uid":1000', '"uid":1001', 1))
    assert hob("verify", "--folder", folder) == exits.FAILED
    assert "line 1: it is no record, or was changed" in capsys.readouterr().err


def test_end_that_was_cut_off_is_found_by_its_head(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hob("verify", "--folder", folder, "--json")
    head = json.loads(capsys.readouterr().out)["head"]
    assert hob("verify", "--folder", folder, "--head", head) == exits.OK
    audit.path(folder, 0).unlink()
    assert hob("verify", "--folder", folder) == exits.OK
    assert hob("verify", "--folder", folder, "--head", head) == exits.FAILED


def test_last_records_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hob("show", "-n", 1, "--folder", folder) == exits.OK
    assert "request  door=owner model=a" in capsys.readouterr().out


def test_usage_is_counted_by_user_door_and_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hob("usage", "--folder", folder, "--json") == exits.OK
    first, second = json.loads(capsys.readouterr().out)["usage"]
    assert (first["model"], first["requests"], first["num_prompt_tokens"]) == ("a", 2, 4)
    assert second["model"] == "b"


def test_no_journal_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hob("verify", "--folder", tmp_path / "none") == exits.OK
    assert capsys.readouterr().out.startswith("0 records")
