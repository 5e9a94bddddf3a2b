"""hob under a real systemd manager: from the installation to the uninstallation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon import await_true
from tests.service.world import World

pytestmark = [pytest.mark.service, pytest.mark.slow]
UNIT = World.home / ".config/systemd/user/hobd.service"
PACKAGED = Path(__file__).parents[2] / "packaging/systemd/hobd.service"


def files_below(world: World, folder: Path) -> list[str]:
    top = world.file(folder)
    return sorted(
        str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir() or path.is_symlink()
    )


@pytest.mark.model
def test_installed_service_answers(service: World, starter_model: Path) -> None:
    service.add_model(starter_model, "starter")
    shape = ("--choice", "yes", "--choice", "no")
    answer = service.hob("run", "-m", "starter", "--incognito", *shape, "Is ice cold?")
    service.file(service.home / ".local/share/hob/models/starter.gguf").unlink()
    assert answer.stdout.strip() in ("yes", "no")


def test_installed_unit_is_the_packaged_one_and_is_enabled(service: World) -> None:
    state = service.state()
    assert service.file(UNIT).read_text() == PACKAGED.read_text()
    assert state["is_installed"] and state["is_enabled"] and state["is_running"]


def test_killed_daemon_comes_back_and_answers(service: World) -> None:
    before = service.state()
    service.run("kill", "-KILL", before["pid"])
    await_true(
        lambda: service.state()["num_restarts"] == 1 and service.state()["is_running"], "a restart", 30
    )
    assert service.state()["pid"] != before["pid"]
    assert "tiny" in service.hob("models", "--no-start").stdout


def test_wrong_configuration_is_not_tried_again(service: World) -> None:
    config = service.file(service.home / ".config/hob/config.toml")
    config.parent.mkdir()
    config.write_text("[daemon]\nno_such_key = 1\n")
    failed = service.hob("service", "restart", check=False)
    config.unlink()
    assert failed.returncode == 3 and "hob service logs" in failed.stderr
    assert service.property_of_unit("NRestarts") == "0"
    assert "no_such_key" in service.hob("service", "logs").stdout


def test_installing_again_brings_an_older_unit_up_to_date(service: World) -> None:
    before = service.state()["pid"]
    service.file(UNIT).write_text(PACKAGED.read_text().replace("RestartSec=2s", "RestartSec=9s"))
    service.hob("service", "install")
    assert service.file(UNIT).read_text() == PACKAGED.read_text()
    assert service.property_of_unit("RestartUSec") == "2s"
    assert service.state()["is_running"] and service.state()["pid"] != before


def test_stopped_service_is_what_the_next_question_starts(service: World) -> None:
    service.hob("service", "stop")
    assert not service.state()["is_running"]
    service.hob("models")
    assert service.state()["is_running"]


def test_daemon_that_is_asked_to_end_is_not_brought_back(service: World) -> None:
    service.hob("stop", "--daemon")
    await_true(lambda: service.state()["state"].startswith("inactive"), "an end", 30)
    assert service.property_of_unit("NRestarts") == "0" and service.property_of_unit("Result") == "success"


def test_service_on_demand_starts_when_somebody_knocks(service: World) -> None:
    service.hob("service", "install", "--on-demand")
    waiting = service.state()
    assert not waiting["is_running"] and waiting["is_on_demand"]
    assert "tiny" in service.hob("models", "--no-start").stdout
    assert service.state()["is_running"]
    service.hob("stop", "--daemon")
    await_true(lambda: not service.state()["is_running"], "an end", 30)
    assert "tiny" in service.hob("models", "--no-start").stdout


def test_service_on_demand_is_brought_up_to_date_without_being_started(service: World) -> None:
    service.hob("service", "install", "--on-demand")
    service.hob("service", "install", "--on-demand")
    state = service.state()
    assert state["is_on_demand"] and not state["is_running"]


def test_logs_tell_that_it_serves(service: World) -> None:
    assert "serving" in service.hob("service", "logs").stdout


def test_uninstalling_leaves_nothing_but_models(service: World) -> None:
    said = service.hob("service", "uninstall").stderr
    assert files_below(service, service.home) == [".local/share/hob/models/tiny.gguf"]
    assert not service.file(service.runtime / "hob").exists()
    assert ".local/share/hob/models" in said
    assert service.property_of_unit("LoadState") == "not-found"
