"""Words about the confinement, systems that have less, and systems that have none.

Must not confine the test process itself.
Run by pytest.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hobd.main import EXIT_OK, EXIT_USAGE, run
from hobd.sandbox import enter, linux, macos, windows
from hobd.sandbox.failure import SandboxError
from hobd.sandbox.syscalls import this_machine

INTERFACE = ("be_private", "enter_daemon", "forbid_connect", "enter_worker", "enclose")
#: Of these systems the daemon cannot be confined, and Windows' workers not wholly.
LACKING: list[Callable[[], object]] = [macos.enter_daemon, windows.enter_daemon, windows.enter_worker]


def test_confinement_says_its_mechanisms() -> None:
    assert str(enter.Confinement("no-network (seccomp)", "private")) == "no-network (seccomp), private"


def test_no_confinement_says_which_setting_took_it_away() -> None:
    assert str(enter.UNCONFINED) == 'none (security.sandbox = "none")'


@pytest.mark.parametrize("walls", [enter.enter_daemon, enter.enter_worker, enter.be_private])
def test_unknown_system_is_told_the_explicit_way_out(
    walls: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    with pytest.raises(SandboxError, match=r'plan9.*security\.sandbox = "none"'):
        walls()


@pytest.mark.parametrize("walls", LACKING, ids=lambda walls: f"{walls.__module__}.{walls.__name__}")
def test_system_with_less_confines_nobody_unless_that_was_accepted(walls: Callable[[], object]) -> None:
    with pytest.raises(SandboxError, match=r'security\.sandbox = "partial"'):
        walls()


@pytest.mark.parametrize("name", INTERFACE)
@pytest.mark.parametrize("system", [macos, windows], ids=["macos", "windows"])
def test_every_system_has_the_same_functions(system: object, name: str) -> None:
    same = inspect.signature(getattr(linux, name)).parameters
    assert inspect.signature(getattr(system, name)).parameters.keys() == same.keys()


def test_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    riscv = os.uname_result(("Linux", "host", "6.1", "1", "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: riscv)
    with pytest.raises(SandboxError, match="riscv64"):
        this_machine()


@pytest.mark.parametrize(
    ("sandbox", "is_lacking", "starts"),
    [
        ("enforce", False, False),
        ("enforce", True, False),
        ("no-file-wall", True, False),
        ("partial", False, False),  # a wall that could be there and is not
        ("partial", True, True),
        ("none", False, True),
    ],
)
def test_daemon_without_walls_starts_only_where_that_was_accepted(
    sandbox: str, is_lacking: bool, starts: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served: list[object] = []
    monkeypatch.setattr("asyncio.run", lambda daemon: (served.append(daemon), daemon.close()))
    monkeypatch.setattr("hobd.main.log.catch_tracebacks", lambda: None)
    for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    status = run(["--set", f"security.sandbox={sandbox}"], None, "it does not stand", is_lacking=is_lacking)
    assert (bool(served), status) == (starts, EXIT_OK if starts else EXIT_USAGE)
