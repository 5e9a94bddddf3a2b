"""The scheduled task, as far as its form goes: no Windows is asked."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hob_cli.service.installation import Installation
from hob_cli.service.steps import Command, WriteFile
from hob_cli.service.task_scheduler import NAME, TaskScheduler
from hypothesis import given
from hypothesis import strategies as st

AT = Installation(
    python=Path("/hob & co/python.exe"),
    folders=(),
    home=Path("/users/me"),
    config_home=Path("/users/me/config"),
    state=Path("/users/me/state of <hob>"),
    runtime=Path("/users/me/state/run"),
    models=Path("/users/me/models"),
    has_gpu=False,
)
SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def texts(task: str, tag: str) -> list[str | None]:
    return [found.text for found in ElementTree.fromstring(task).iter(f"{SPACE}{tag}")]


def task_of(installation: Installation) -> str:
    steps = TaskScheduler(installation).install(on_demand=False)
    (written,) = (step for step in steps if isinstance(step, WriteFile))
    return written.text


def test_task_is_of_this_installation_whatever_its_folders_are_called() -> None:
    assert texts(task_of(AT), "Command") == ["/hob & co/pythonw.exe"]
    assert texts(task_of(AT), "Arguments") == ['-I -m hobd --log-file "/users/me/state of <hob>/hobd.log"']


def test_task_is_the_users_own_with_the_least_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERDOMAIN", "BOX")
    monkeypatch.setenv("USERNAME", "ada & bob")
    assert texts(task_of(AT), "UserId") == ["BOX\\ada & bob"] * 2
    assert texts(task_of(AT), "RunLevel") == ["LeastPrivilege"]
    assert texts(task_of(AT), "LogonType") == ["InteractiveToken"]


@given(
    st.text(st.characters(min_codepoint=32, exclude_characters='"\\/\0', max_codepoint=0x2FFF), min_size=1)
)
def test_no_folder_becomes_an_argument_of_its_own(name: str) -> None:
    at = replace(AT, state=Path("/users") / name)
    (arguments,) = texts(task_of(at), "Arguments")
    expected = subprocess.list2cmdline(["-I", "-m", "hobd", "--log-file", str(at.state / "hobd.log")])
    assert (arguments or "").split() == expected.split()


def test_stopping_asks_the_daemon_and_never_ends_the_task_where_it_stands() -> None:
    scheduler = TaskScheduler(AT)
    steps = [*scheduler.control("stop"), *scheduler.control("restart"), *scheduler.uninstall()]
    commands = [step.argv for step in steps if isinstance(step, Command)]
    assert not [argv for argv in commands if "/End" in argv]
    assert commands[0][1:3] == ("-I", "-c") and "stop" in commands[0][3]


def test_uninstalling_leaves_models() -> None:
    told = [step.describe() for step in TaskScheduler(AT).uninstall()]
    assert any(NAME in line for line in told) and not any("models" in line for line in told)


def test_log_is_read_whatever_its_path_has_in_it() -> None:
    at = replace(AT, state=Path("/users/o'brien"))
    argv = TaskScheduler(at).logs(num_lines=5, follow=True, as_json=False)
    assert argv[-1] == "Get-Content -LiteralPath '/users/o''brien/hobd.log' -Tail 5 -Wait"
