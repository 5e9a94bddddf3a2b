"""What is to be done to a machine, as values that can be shown before they are done.

Must never do anything but what `describe` says of it. Made by systemd.py and launchd.py, carried out by
commands/service.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from hob_client.errors import DaemonStartFailed, NotPermitted

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFolder:
    """A directory for the user alone, with those above it; one that is there stays as it is."""

    path: Path

    def describe(self) -> str:
        return f"make the directory {self.path}"

    def carry_out(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile:
    """A file, in one go: nobody ever reads half of it."""

    path: Path
    text: str

    def describe(self) -> str:
        return f"write {self.path}"

    def carry_out(self) -> None:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.new")
        temporary.write_text(self.text)
        temporary.chmod(0o644)
        os.replace(temporary, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A file, or a directory with all that is in it; never follows a link, and may find nothing."""

    path: Path

    def describe(self) -> str:
        return f"remove {self.path}"

    def carry_out(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program of the system's."""

    argv: tuple[str, ...]
    may_fail: bool = False

    def describe(self) -> str:
        return f"run {join(self.argv)}"

    def carry_out(self) -> None:
        try:
            done = subprocess.run(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise DaemonStartFailed(
                f"`{join(self.argv)}` took over {_TIMEOUT_SECONDS} seconds; see `hob service logs`"
            ) from None
        if done.returncode and not self.may_fail:
            why = done.stdout.strip().splitlines()
            raise DaemonStartFailed(
                f"`{join(self.argv)}` failed ({why[0] if why else f'status {done.returncode}'}); "
                "see `hob service logs`"
            )


Step = MakeFolder | WriteFile | Remove | Command


def carry_out(steps: Iterable[Step]) -> None:
    """One after another, up to the first that fails: NotPermitted, or DaemonStartFailed."""
    for step in steps:
        try:
            step.carry_out()
        except OSError as error:
            raise NotPermitted(
                f"could not {step.describe()} ({error.strerror}); mend that and repeat"
            ) from None
