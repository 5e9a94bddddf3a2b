"""Each row of the table of data follows the setting that it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hobd.broker import wires as wires_module
from hobd.broker.privacy import DataPlace, places
from hobd.broker.wires import LAYERS, PACKAGES, Wire, wires
from hobd.config import load

NOWHERE = Path("/nonexistent/policy.toml")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def row(data: str, *settings: str) -> DataPlace:
    told = places(load(None, {}, settings, NOWHERE), Path("/journal"))
    (found,) = (place for place in told if place.data == data)
    return found


@pytest.mark.parametrize(
    ("data", "setting", "word"),
    [
        ("prefix_cache", "engine.stash_mb=3", "engine.stash_mb = 3"),
        ("prefix_cache", "models.idle_ttl_seconds=17", "unused for 17 s"),
        ("sealed_prefixes", "memory.pool_mb=0", "nowhere"),
        ("sealed_prefixes", "memory.pool_mb=7", "memory.pool_mb = 7"),
        ("log", "daemon.log_level=error", '"error"'),
        ("digests_of_models", "models.verify=off", "nowhere"),
        ("audit_journal", "audit.num_files=9", "9 files of"),
        ("models_first_used_and_quarantined", "admission.first_use=off", '"off"'),
    ],
)
def test_row_follows_its_setting(data: str, setting: str, word: str) -> None:
    assert word in str(row(data, setting))
    assert word not in str(row(data))


def test_model_that_never_leaves_is_not_said_to() -> None:
    assert "unused" not in row("prefix_cache", "models.idle_ttl_seconds=0").lasts


def test_journal_is_told_where_there_is_one() -> None:
    assert row("audit_journal").is_on_disk and row("audit_journal").place == "/journal"
    assert not row("audit_journal", "audit.enabled=false").is_on_disk


def test_gateways_tokens_are_told_where_there_are_any(home: Path) -> None:
    (home / "hob" / "gateway").mkdir(parents=True)
    assert row("gateway_tokens").is_on_disk and not row("gateway_tokens").has_text


def test_state_lies_where_the_daemon_keeps_it(home: Path) -> None:
    assert row("digests_of_models").place == str(home / "hob/digests.json")
    assert row("quirks_of_this_machine").place == str(home / "hob/quirks.json")


@pytest.mark.parametrize("data", ["prompts", "answers", "images_and_sounds", "prefix_cache"])
def test_what_holds_text_is_in_memory_alone(data: str) -> None:
    assert row(data).has_text and not row(data).is_on_disk


def layer(folder: Path, name: str, *settings: str) -> Wire:
    config = load(None, {}, settings, NOWHERE)
    (found,) = (wire for wire in wires(config, 1, folder) if wire.name == name)
    return found


@pytest.mark.parametrize("name", [each.name for each in LAYERS if each.program])
def test_program_is_absent_then_off_then_on(tmp_path: Path, name: str) -> None:
    assert layer(tmp_path, name).state == "absent"
    (program,) = (each.program for each in LAYERS if each.name == name)
    (tmp_path / program).touch()
    assert layer(tmp_path, name).state == "off"
    online = ("network.offline=false", "network.update_check=true")
    assert layer(tmp_path, name, *online).state == "on"
    assert layer(tmp_path, name, "network.update_check=true").state == "off"


def test_update_check_is_off_until_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "hob-update-check").touch()
    assert layer(tmp_path, "update_check", "network.offline=false").state == "off"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_package_is_on_while_a_process_runs_it(tmp_path: Path, package: wires_module.Package) -> None:
    (tmp_path / "7").mkdir()
    command = tmp_path / "7" / "cmdline"
    command.write_bytes(b"python\0-I\0-m\0other\0")
    assert wires_module._package(package, tmp_path).state == "off"
    command.write_bytes(f"python\0-I\0-m\0{package.module}\0".encode())
    assert wires_module._package(package, tmp_path).evidence == "process 7 runs it"


def test_package_whose_library_is_not_installed_is_absent(tmp_path: Path) -> None:
    package = wires_module.Package(name="x", module="hob_fetch", needs="no_such_library", reaches="nothing")
    assert wires_module._package(package, tmp_path).state == "absent"
