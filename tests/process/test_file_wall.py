"""The file wall, from inside real processes: what a worker can open while it loads, and afterwards.

Must never confine the test process itself: everything happens in children.
Run by pytest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hob import landlock

from tests.process.test_sandbox import DAEMON, REFUSED, WORKER, child, outcome

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's so far"),
    pytest.mark.skipif(sys.platform == "linux" and not landlock.version(), reason="no Landlock here"),
]
DENIED = "EACCES"
ENCLOSING = "confinement, listener = enclose(confinement, closes_files=True); os.close(listener)\n"
ENCLOSED = WORKER + ENCLOSING
OPEN = "os.close(os.open({path!r}, {flags}))"


def opening(path: object, flags: str = "os.O_RDONLY") -> str:
    return OPEN.format(path=str(path), flags=flags)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("mine")
    return path


@pytest.mark.parametrize(
    "path", ["/", "/etc/passwd", "/tmp", "/proc/self/environ", "/home", "/root", "/dev/tty"]
)
def test_loading_worker_opens_nothing_of_the_users(path: str) -> None:
    assert outcome(WORKER, opening(path)) in (DENIED, "ENOENT", "ENXIO")


def test_loading_worker_cannot_reach_a_file_by_any_way(secret: Path) -> None:
    ways = [opening(secret), opening(secret, "os.O_WRONLY"), f"os.unlink({str(secret)!r})"]
    ways += [f"os.rename({str(secret)!r}, '/tmp/x')", f"os.listdir({str(secret.parent)!r})"]
    ways += [f"os.truncate({str(secret)!r}, 0)", f"os.mkdir({str(secret) + 'd'!r})"]
    assert (
        child(WORKER, f"print({{{', '.join(f'outcome(lambda: {way})' for way in ways)}}})")
        == f"{{'{DENIED}'}}"
    )
    assert secret.read_text() == "mine"


def test_loading_worker_still_imports_code() -> None:
    assert child(WORKER, "import decimal, numpy; print('done')") == "done"


def test_descriptor_it_was_born_with_stays_of_use(secret: Path) -> None:
    with secret.open("rb") as file:
        code = f"print(os.pread({file.fileno()}, 4, 0).decode())"
        assert child(ENCLOSED, code, pass_fds=[file.fileno()]) == "mine"


@pytest.mark.parametrize(
    "attempt",
    [
        opening("/dev/null"),
        opening("/usr/lib"),
        "os.unlink('/dev/null')",
        "os.chmod('/dev/null', 0)",
        "os.kill(os.getppid(), 0)",
        "os.kill(1, 0)",
    ],
)
def test_enclosed_worker_opens_changes_and_signals_nothing(attempt: str) -> None:
    assert outcome(ENCLOSED, attempt) == REFUSED


def test_threads_older_than_the_wall_are_held_by_it_too() -> None:
    code = (
        "import threading\n"
        "go, told = threading.Event(), []\n"
        "def late(): go.wait(); told.append(outcome(lambda: os.open('/dev/null', os.O_RDONLY)))\n"
        "thread = threading.Thread(target=late); thread.start()\n"
        f"{ENCLOSING}go.set(); thread.join(); print(told[0])"
    )
    assert child(WORKER, code) == REFUSED


def test_enclosed_worker_makes_no_code() -> None:
    before = WORKER.replace("enter import *", "enter import *; import mmap") + ENCLOSING
    code = "print(outcome(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)))"
    assert child(before, code) in (REFUSED, DENIED)


def test_enclosed_worker_still_computes_and_starts_threads() -> None:
    code = "thread = threading.Thread(target=lambda: print('done')); thread.start(); thread.join()"
    assert child(ENCLOSED, code) == "done"


def test_the_level_is_told() -> None:
    assert "file wall (Landlock" in child(WORKER, "print(confinement)")
    assert "no-files, no-new-code" in child(ENCLOSED, "print(confinement)")
    without = WORKER.replace("enter_worker()", "enter_worker(has_file_wall=False)")
    assert "no file wall" in child(without, "print(confinement)")


def test_missing_wall_is_found_by_the_self_test() -> None:
    code = "from hobd.sandbox import proof\ntry: proof.require_file_wall()\nexcept Exception as e: print(e)"
    assert "could still list /" in child("", code)


def test_kernel_without_landlock_is_an_error_that_says_what_to_do() -> None:
    code = (
        "from hob import landlock\nlandlock.version = lambda: 0\n"
        "from hobd.sandbox.enter import *\n"
        "try: enter_worker()\nexcept Exception as error: print(error)"
    )
    assert 'security.sandbox = "no-file-wall"' in child("", code)


def test_wall_stands_inside_the_daemons_walls() -> None:
    walls = DAEMON + "forbid_connect(confinement)\n" + ENCLOSED.partition("\n")[2]
    assert outcome("from hobd.sandbox.enter import *\n" + walls, opening("/dev/null")) == REFUSED
