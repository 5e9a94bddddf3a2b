"""The daemon, its pipe, a worker and the CLI on Windows' own Python, under Wine.

Must claim no more than Wine shows: it keeps the rights of a pipe without minding them, and limits of jobs
not even that. Run by `make windows`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon import await_true
from tests.windows.conftest import WindowsHob

pytestmark = [pytest.mark.windows, pytest.mark.timeout(300)]

WALLS = "from hobd.sandbox import windows as w\ntry: {act}\nexcept w.SandboxError as error: print(error)"


def test_cli_sees_the_daemon_at_its_pipe(hob: WindowsHob) -> None:
    (door,) = hob.hob_json("status")["doors"]
    assert (door["name"], door["path"], door["mode"]) == ("owner", hob.pipe, 0o600)


def test_model_is_loaded_by_handle_in_a_worker_and_answers(hob: WindowsHob) -> None:
    assert hob.hob("run", "fake", "hi").startswith("hello from the file")
    (resident,) = hob.hob_json("ps")["residents"]
    assert resident["model"] == "fake"


def test_request_that_ends_its_worker_is_given_up_and_others_go_on(hob: WindowsHob) -> None:
    assert "the worker died 2 times while answering it" in hob.hob("run", "fake", "die", expect=8)
    assert hob.hob("run", "fake", "hi").startswith("hello from the file")


def test_pipe_keeps_the_rights_of_its_owner_alone(hob: WindowsHob) -> None:
    evidence = hob.hob_json("attest", expect=11)["evidence"]
    found = {each["property"]: each for each in evidence if each["subject"] == "daemon"}
    assert found["door_private_owner"]["held"]
    assert "not shown" in found["no_network_sockets"]["observed"]
    assert not found["no_network_sockets"]["held"]


def test_second_daemon_refuses_the_name_of_the_first(hob: WindowsHob) -> None:
    second = hob.begin("security.sandbox=none")
    assert second.wait(60) == 0  # of the pipeline
    assert f"another hobd is already serving {hob.pipe}" in hob.log


def test_daemon_wants_to_be_told_that_less_is_accepted(tmp_path: Path) -> None:
    alone = WindowsHob(tmp_path)
    alone.begin().wait(60)
    assert 'Windows gives hob no wall against networks; set security.sandbox = "partial"' in alone.log


def test_worker_refuses_a_job_whose_limits_the_system_does_not_keep(hob: WindowsHob) -> None:
    said = hob.run(WALLS.format(act="w.enter_job(w.limits()); print('entered')"))
    assert "took the limits of a job and does not have them" in said


def test_client_refuses_names_that_lead_to_other_machines(hob: WindowsHob) -> None:
    said = hob.hob("--socket", r"\\elsewhere\pipe\hob", "status", expect=4)
    assert "no name of a local pipe" in said


def test_client_starts_a_daemon_of_its_own_which_says_what_it_cannot_do_yet(tmp_path: Path) -> None:
    """`hob run` finds none, starts the real one apart from its console, and asks it for llama.cpp."""
    alone = WindowsHob(tmp_path)
    alone.add_model("fake", "not read")
    settings = alone.home / "CONFIG" / "hob" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[security]\nsandbox = "none"\n[admission]\nvetting = "off"\n')
    assert "no worker with llama.cpp for Windows yet" in alone.hob("run", "fake", "hi", expect=10)
    assert "the daemon ends" in alone.hob("stop", "--daemon")


def test_stopped_daemon_gives_its_pipe_back(tmp_path: Path) -> None:
    short = WindowsHob(tmp_path).start("security.sandbox=none")
    assert "the daemon ends" in short.hob("stop", "--daemon")
    await_true(lambda: "event=ended" in short.log, "it ended", 60)
    assert "no daemon runs at" in short.hob("status", expect=3)
    short.stop()
