"""How `hob top` looks: bars for memory, a line for speed, a table of models, the last events.

Must only arrange what it is given: no client, no clock but for ages. Called by commands/top.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hob_cli.render import age, size
from hob_cli.terminal import visible
from hob_cli.top.rates import Rate, Rates

if TYPE_CHECKING:
    from hob_client.models import Resident
    from hob_client.states import Happening, Status

_SPARKS = " ▁▂▃▄▅▆▇█"
_STATE_STYLES = {"ready": "green", "loading": "yellow", "unloading": "magenta"}
_BAR_WIDTH = 12


def screen(status: Status | None, rates: Rates, events: Iterable[Happening], problem: str) -> RenderableType:
    """All of it; without a status only what is wrong."""
    if status is None:
        return Panel(Text(problem or "asking the daemon ..."), title="hob top")
    return Group(
        _headline(status),
        _speed(rates),
        memory(status),
        Text(problem, style="bold red") if problem else Text(),
        models(status, rates),
        _row_for_room(status),
        Text(),
        _last(events),
        Text("q quits", style="dim"),
    )


def memory(status: Status) -> RenderableType:
    """How much of each device's budget models have."""
    grid = Table.grid(padding=(0, 1))
    for device in status.memory:
        taken = device.budget_bytes - device.free_bytes
        grid.add_row(
            Text(visible(device.device), style="bold"),
            bar(taken, device.budget_bytes),
            f"{size(taken)} of {size(device.budget_bytes)}",
        )
    return grid


def _row_for_room(status: Status) -> RenderableType:
    """What loads, and who waits until others leave it their memory."""
    lines = Text()
    for model in status.loading_models:
        lines.append(visible(f"{model} is loading\n"), style="yellow")
    for row in status.waiting:
        told = f"{row.num_requests} waiting for room for {row.model}, for {age(row.since)}"
        lines.append(visible(told) + "\n", style="yellow")
    return lines


def models(status: Status, rates: Rates) -> RenderableType:
    """One line for each model in memory."""
    if not status.residents:
        return Text("No model is in memory.", style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("MODEL", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("STATE")
    for column in ("RUNNING", "QUEUED", "TOK/S", "PROMPT/S", "REUSED", "MEMORY"):
        table.add_column(column, justify="right")
    table.add_column("CELLS", min_width=_BAR_WIDTH + 5)
    table.add_column("IDLE", justify="right")
    for resident in status.residents:
        table.add_row(*_row(resident, rates.by_model.get(resident.model, Rate())))
    return table


def _row(resident: Resident, rate: Rate) -> tuple[RenderableType, ...]:
    state = Text(resident.residency, style=_STATE_STYLES.get(resident.residency, ""))
    if resident.pinned:
        state.append(" pinned", style="cyan")
    if resident.degraded:
        state.append(" degraded", style="red")
    prompts, cached = resident.num_prompt_tokens, resident.num_cached_tokens
    return (
        visible(resident.model),
        state,
        f"{resident.num_running}/{resident.num_lanes}",
        str(resident.num_queued) if resident.num_queued else "-",
        f"{rate.answered:.1f}" if rate.answered else "-",
        f"{rate.read:.0f}" if rate.read else "-",
        f"{cached / prompts:.0%}" if prompts else "-",
        size(resident.resident_bytes),
        bar(resident.used_cells, resident.total_cells),
        age(resident.idle_since),
    )


def bar(used: int, total: int) -> RenderableType:
    """How full something is, as a bar and in percent."""
    grid = Table.grid(padding=(0, 1))
    share = used / total if total else 0.0
    style = "red" if share > 0.9 else "yellow" if share > 0.7 else "green"
    shown = ProgressBar(
        total=1.0,
        completed=min(share, 1.0),
        width=_BAR_WIDTH,
        complete_style=style,
        finished_style=style,
    )
    grid.add_row(shown, f"{share:.0%}")
    return grid


def _headline(status: Status) -> RenderableType:
    line = Text.assemble(
        ("hobd ", "bold"),
        f"{status.version}  pid {status.pid}  up {age(status.started_at)}  ",
        f"{size(status.daemon_resident_bytes)}  {status.num_requests_served} served",
    )
    if status.draining:
        line.append("  draining", style="yellow")
    if status.memory_pressure.yields not in ("", "nothing", "unspecified"):
        line.append(f"  short of memory, yields {_words(status.memory_pressure.yields)}", style="bold red")
    for load in status.classes:
        line.append(f"   {load.priority_class} ", style="dim")
        line.append(f"{load.num_running}")
        if load.num_waiting:
            line.append(f"+{load.num_waiting} waiting", style="yellow")
    return line


def _words(name: str) -> str:
    return name.replace("_", " ")


def _speed(rates: Rates) -> RenderableType:
    latest = rates.history[-1] if rates.history else 0.0
    line = Text.assemble(("tok/s ", "bold"), f"{latest:7.1f} ", (sparkline(rates.history), "green"))
    line.no_wrap = True
    return line


def sparkline(values: Iterable[float], width: int = 60) -> str:
    """The last `width` values as blocks, the greatest of them the highest."""
    last = list(values)[-width:]
    top = max(last, default=0.0)
    if not top:
        return ""
    # Whatever is more than nothing is seen.
    heights = (max(1, round(value / top * (len(_SPARKS) - 1))) if value else 0 for value in last)
    return "".join(_SPARKS[height] for height in heights)


def _last(events: Iterable[Happening]) -> RenderableType:
    lines = Text()
    for event in events:
        moment = event.at.strftime("%H:%M:%S") if event.at else ""
        lines.append(f"{moment}  ", style="dim")
        lines.append(
            visible(f"{event.kind.replace('_', ' ')}  {event.model}  {event.message}".rstrip()) + "\n"
        )
    return Panel(lines, title="events", title_align="left", border_style="dim") if lines else Text()
