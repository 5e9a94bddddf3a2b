"""Rows of figures, and how they are shown: on the terminal, in Markdown, as a picture.

Must print losses as plainly as wins. Used by benchmarks/__main__.py.
"""

from __future__ import annotations

import operator
import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

_OPERATORS = {">=": operator.ge, "<=": operator.le}
HEADER = ("", "measured", "hob", "against", "figures", "ratio", "wanted", "")


@dataclass(kw_only=True)
class Row:
    """One thing measured several times: hob's figures, and those of what it is measured against.

    `wanted` is an operator and a number, for the ratio of the medians, or for the median if hob is alone.
    """

    goal: str
    what: str
    unit: str
    wanted: str = ""
    against: str = ""
    hob: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        if not (self.hob and self.other and statistics.median(self.other)):
            return None
        return statistics.median(self.hob) / statistics.median(self.other)

    @property
    def is_met(self) -> bool | None:
        """None when nothing is wanted or nothing was measured."""
        if not self.wanted or not self.hob:
            return None
        figure = statistics.median(self.hob) if self.ratio is None else self.ratio
        sign, _, bound = self.wanted.partition(" ")
        return bool(_OPERATORS[sign](figure, float(bound)))

    @property
    def times_better(self) -> float | None:
        """The ratio, turned so that more is better."""
        if self.ratio is None:
            return None
        return 1 / self.ratio if self.wanted.startswith("<=") else self.ratio

    def cells(self) -> tuple[str, ...]:
        return (
            self.goal,
            self.what,
            _spread(self.hob, self.unit),
            self.against,
            _spread(self.other, self.unit),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            self.wanted,
            {True: "met", False: "MISSED", None: ""}[self.is_met],
        )


def table(rows: Iterable[Row], title: str) -> Table:
    shown = Table(*HEADER, title=title)
    for row in rows:
        shown.add_row(*row.cells(), style="red" if row.is_met is False else None)
    return shown


def markdown(rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(HEADER)} |", "|" + "---|" * len(HEADER)]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines) + "\n"


def machine(model: Path) -> str:
    """What the figures are true of, without a name of the machine."""
    from importlib.metadata import version

    cores = len(os.sched_getaffinity(0))
    engine = f"llama-cpp-python {version('llama-cpp-python')}, all with its llama.cpp"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {model.name}; {engine}; "
        f"{platform.machine()}, {_processor()} x {cores}, Linux {platform.release()}."
    )


def plot(rows: Iterable[Row], path: Path) -> None:
    """How many times better than each peer, with a mark where the goal is."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "hob", "font.family": "sans-serif"}
    from matplotlib import pyplot

    shown = [row for row in rows if row.times_better is not None]
    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.42 * len(shown)), layout="constrained")
    for place, row in enumerate(reversed(shown)):
        times = row.times_better or 0.0
        axes.barh(place, times - 1, left=1, color="#2a7f62" if row.is_met is not False else "#b5473c")
        axes.annotate(f" {times:.3g}x ", (times, place), va="center", ha="left" if times >= 1 else "right")
        bound = float(row.wanted.split()[1])
        goal = 1 / bound if row.wanted.startswith("<=") else bound
        axes.plot([goal, goal], [place - 0.4, place + 0.4], color="black", linewidth=1.5)
    axes.set_yticks(range(len(shown)), [f"{r.goal}  {r.what}\nagainst {r.against}" for r in reversed(shown)])
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xlabel("times better than the peer (log scale); black mark: the goal; red: missed")
    figure.savefig(path, metadata={"Date": None})


def _spread(values: list[float], unit: str) -> str:
    if not values:
        return ""
    middle = f"{statistics.median(values):.3g} {unit}".strip()
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.3g} to {max(values):.3g})"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
