"""Words about the confinement, and systems that have none.

Must not confine the test process itself.
Run by pytest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest
from hobd.sandbox import enter
from hobd.sandbox.failure import SandboxError
from hobd.sandbox.syscalls import this_machine


def test_confinement_says_its_mechanisms() -> None:
    assert str(enter.Confinement("no-network (seccomp)", "private")) == "no-network (seccomp), private"


def test_no_confinement_says_which_setting_took_it_away() -> None:
    assert str(enter.UNCONFINED) == 'none (security.sandbox = "none")'


@pytest.mark.parametrize("walls", [enter.enter_daemon, enter.enter_worker])
def test_other_system_is_told_the_explicit_way_out(
    walls: Callable[[], enter.Confinement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match=r'darwin.*security\.sandbox = "none"'):
        walls()


def test_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    riscv = os.uname_result(("Linux", "host", "6.1", "1", "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: riscv)
    with pytest.raises(SandboxError, match="riscv64"):
        this_machine()
