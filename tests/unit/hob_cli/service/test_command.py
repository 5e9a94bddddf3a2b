"""`hob service` where nothing may be done, or cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hob_cli.commands import service
from hob_cli.service import systemd
from hob_cli.service.steps import MakeFolder, Remove, WriteFile, carry_out
from hob_client.errors import NotPermitted

from tests.command_line import CommandLine


@pytest.fixture
def hob(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    for variable in ("HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(systemd, "installed_version", lambda: 252)
    return CommandLine(capsys, monkeypatch)


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_print_shows_the_steps_and_takes_none(hob: CommandLine, command: str, tmp_path: Path) -> None:
    shown = hob("service", command, "--print")
    assert shown.code == 0 and "systemctl --user daemon-reload" in shown.out
    assert list(tmp_path.iterdir()) == []


def test_print_as_json_is_one_object(hob: CommandLine) -> None:
    steps = json.loads(hob("service", "install", "--print", "--json").out)["steps"]
    assert any(
        step["step"].endswith("hobd.service") and "[Service]" in step.get("text", "") for step in steps
    )


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_what_is_not_installed_cannot_be_controlled(hob: CommandLine, verb: str) -> None:
    refused = hob("service", verb)
    assert refused.code == 3 and "hob service install" in refused.err


def test_system_without_a_manager_is_told_what_to_run(
    hob: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "installed_version", lambda: None)
    refused = hob("service", "install")
    assert refused.code == 10 and "-I -m hobd" in refused.err


def test_user_without_a_manager_is_told_how_to_get_one(hob: CommandLine, tmp_path: Path) -> None:
    refused = hob("service", "install")
    assert refused.code == 3 and "enable-linger" in refused.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_daemon_that_is_no_service_is_not_pushed_aside(
    hob: CommandLine, verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service.launch, "is_listening", lambda path: True)
    monkeypatch.setattr(systemd.Systemd, "has_manager", lambda self: True)
    refused = hob("service", verb)
    assert refused.code == 3 and "hob stop --daemon" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_written_file_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "below" / "unit"
    carry_out([WriteFile(path=path, text="old"), WriteFile(path=path, text="new")])
    assert path.read_text() == "new" and [p.name for p in path.parent.iterdir()] == ["unit"]


def test_removing_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "models"
    carry_out([MakeFolder(path=kept)])
    (tmp_path / "link").symlink_to(kept)
    carry_out([Remove(path=tmp_path / "link"), Remove(path=tmp_path / "never there")])
    assert kept.is_dir() and not (tmp_path / "link").exists()


def test_step_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotPermitted, match=r"could not write .*unit"):
        carry_out([WriteFile(path=tmp_path / "file" / "unit", text="")])
