"""What the process that dials can reach of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ATTEMPTS = """
import os, subprocess, sys
from pathlib import Path
from hob_fetch import confine
inbox, home = Path(sys.argv[1]), Path(sys.argv[2])
print(confine.enter(inbox, {}))
def attempt(name, do):
    try:
        do()
    except OSError:
        print(name, "refused")
    else:
        print(name, "done")
attempt("write-inbox", lambda: (inbox / "x").write_bytes(b"x"))
attempt("rename-inbox", lambda: os.replace(inbox / "x", inbox / "y"))
attempt("read-home", lambda: (home / "secret").read_bytes())
attempt("write-home", lambda: (home / "new").write_bytes(b"x"))
attempt("move-out", lambda: os.replace(inbox / "y", home / "y"))
attempt("link-out", lambda: os.link(inbox / "y", home / "y"))
attempt("run", lambda: subprocess.run(["/bin/true"]))
attempt("link-in", lambda: (inbox / "z").symlink_to(home / "secret"))
import httpx, ssl, encodings.idna
httpx.Client().close()
attempt("resolver", lambda: open("/etc/hosts").close())
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    (home / "inbox").mkdir()
    (home / "secret").write_text("secret")
    argv = [sys.executable, "-c", ATTEMPTS, home / "inbox", home]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    if "Landlock" not in done.stdout.splitlines()[0] or "not confined" in done.stdout.splitlines()[0]:
        pytest.skip(done.stdout.splitlines()[0])
    return dict(line.split() for line in done.stdout.splitlines()[1:])


@pytest.mark.parametrize("name", ["read-home", "write-home", "move-out", "link-out", "run", "link-in"])
def test_who_took_it_over_reaches_nothing_of_the_users(told: dict[str, str], name: str) -> None:
    assert told[name] == "refused"


@pytest.mark.parametrize("name", ["write-inbox", "rename-inbox", "resolver"])
def test_what_it_needs_it_has(told: dict[str, str], name: str) -> None:
    assert told[name] == "done"
