"""What a user sees while a long step runs, and how a failed one ends."""

from __future__ import annotations

import errno

import pytest
from provision import progress
from provision.failure import SetupError, exit_code_of
from provision.progress import Progress


def still_clock() -> float:
    return 100.0


def test_bar_shows_how_far_and_how_long() -> None:
    told = progress.line("Compiling", 34, 136, "1:12")
    assert told == "Compiling  [#######                     ] 34/136  1:12"


def test_without_terminal_every_tenth_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Compiling", terminal=False, clock=still_clock) as bar:
        for done in range(137):
            bar.reach(done, 136)
        bar.finish()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Compiling ..." and lines[-1] == "Compiling: done in 0:00"
    assert [line.split()[1] for line in lines[1:-1]] == [str(10 * tenth) for tenth in range(1, 10)]


def test_terminal_gets_one_line_that_is_drawn_over(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Compiling", terminal=True, clock=still_clock) as bar:
        bar.reach(1, 2)
    assert capsys.readouterr().err.count("\n") == 1


def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (SetupError("no compiler"), 1, "no compiler"),
        (OSError(errno.ENOSPC, "", "/x"), 1, "the disk is full while writing /x; free some space"),
        (PermissionError(errno.EACCES, "", "/x"), 1, "may not write /x; check whose it is"),
        (KeyboardInterrupt(), 130, "interrupted; run it again to go on"),
    ],
    ids=["setup", "full", "forbidden", "interrupted"],
)
def test_failure_is_one_sentence(
    error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(lambda: raising(error)) == code
    assert capsys.readouterr().err == f"\nhob set-up: {sentence}\n"
