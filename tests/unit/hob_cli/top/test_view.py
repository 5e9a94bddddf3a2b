"""What `hob top` draws, as plain text."""

from __future__ import annotations

import pytest
from hob_cli.top.view import bar, sparkline
from rich.console import Console, RenderableType


def drawn(what: RenderableType) -> str:
    console = Console(width=100, record=True, force_terminal=False, file=None)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([0.0, 0.0], ""),
        ([8.0], "█"),
        ([0.0, 4.0, 8.0], " ▄█"),
        ([0.001, 100.0], "▁█"),
    ],
    ids=["nothing", "idle", "one", "three", "little is seen"],
)
def test_a_sparkline_scales_to_its_highest(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_a_sparkline_keeps_to_its_width() -> None:
    assert len(sparkline([1.0] * 500, width=60)) == 60


@pytest.mark.parametrize(("used", "total", "share"), [(0, 0, "0%"), (5, 10, "50%"), (30, 10, "300%")])
def test_a_bar_says_how_full_whatever_it_is_given(used: int, total: int, share: str) -> None:
    assert share in drawn(bar(used, total))
