"""`make bench`: what hob costs over the engine, and how it does against llama-server, in one report.

Must print losses as plainly as wins. Needs the starter model in place, and the peer's tools unless told
`--only cost`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hob.address import data_dir
from rich.console import Console

from benchmarks import cost, goals, report, swaps

PLOT = "results.svg"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--model", type=Path, default=data_dir() / "models" / "smollm2-135m-instruct.gguf")
    parser.add_argument("--tools", type=Path, help="where scripts/peer put llama-server")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=("cost", "goals"))
    parser.add_argument("--write", type=Path, help="a directory for RESULTS.md and its plot")
    arguments = parser.parse_args()
    if arguments.tools is None and arguments.only != "cost":
        parser.error("the goals need --tools; `make bench` builds them, or use --only cost")
    sections = []
    if arguments.only != "cost":
        rows = goals.measure(arguments.tools, arguments.model, arguments.repeats)
        rows += swaps.measure(arguments.tools, arguments.model, arguments.repeats)
        rows.sort(key=lambda row: row.goal)
        sections.append(("Against llama.cpp's own programs", rows))
    if arguments.only != "goals":
        rows = cost.measure(arguments.model, arguments.repeats) + cost.doors()
        sections.append(("What hob costs over the engine", rows))
    for title, rows in sections:
        Console(width=150).print(report.table(rows, title))
    if arguments.write:
        _write(arguments.write, sections, arguments)


def _write(
    directory: Path, sections: list[tuple[str, list[report.Row]]], arguments: argparse.Namespace
) -> None:
    lines = [
        "# Results",
        "",
        f"`make bench`, {arguments.repeats} repeats, alternating; medians (smallest to largest).",
        f"A ratio is hob's figure over the other's. {report.machine(arguments.model)}",
        "",
        f"![how many times better than each peer]({PLOT})",
    ]
    for title, rows in sections:
        lines += ["", f"## {title}", "", report.markdown(rows).rstrip()]
    (directory / "RESULTS.md").write_text("\n".join(lines) + "\n")
    report.plot([row for _, rows in sections for row in rows if row.goal], directory / PLOT)


if __name__ == "__main__":
    main()
