"""`hob tune`: which settings make a model fastest on the daemon's machine; the daemon remembers them.

Must change nothing that the configuration says, and show each figure that it goes by. Called by main.py.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from hob_client.errors import InvalidRequest, ModelUnusable, OutOfMemory
from hob_client.models import EngineSettings

from hob_cli.bench import busy
from hob_cli.bench.figures import score
from hob_cli.bench.measuring import Measuring, Work, describe, load_trial, speeds
from hob_cli.bench.searching import search
from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import age, print_json, print_note, print_table, record

if TYPE_CHECKING:
    from hob_client.client import Client
    from hob_client.models import Tunings

_MOST_THREADS_ELSEWHERE = 64
_WORK = Work(num_streams=(1, 4), num_rounds=3, num_prompt_tokens=256, num_tokens=24)


@click.command("tune")
@click.argument("model", default="", shell_complete=complete_model)
@click.option("--show", is_flag=True, help="Only show what is remembered.")
@click.option("--forget", is_flag=True, help="Forget what was measured.")
@click.option("--dry-run", is_flag=True, help="Measure, and remember nothing.")
@click.option("--anyway", is_flag=True, help="Remember even what was measured while others were at work.")
@click.option("--rounds", type=click.IntRange(1, 100), default=_WORK.num_rounds, show_default=True)
@click.option("--tokens", type=click.IntRange(2, 10_000), default=_WORK.num_tokens, show_default=True)
@click.option(
    "--prompt-tokens", type=click.IntRange(1, 100_000), default=_WORK.num_prompt_tokens, show_default=True
)
@connection_options
@click.pass_obj
def command(
    connection: Connection,
    model: str,
    show: bool,
    forget: bool,
    dry_run: bool,
    anyway: bool,
    rounds: int,
    tokens: int,
    prompt_tokens: int,
) -> None:
    """Find the settings that make a model fastest here, and remember them.

    Threads, batch and the type of the KV cache are measured; what your configuration sets stays as it is. The
    model leaves memory for each trial. What is remembered holds from its next load on, for this file and
    this processor, until `hob tune --forget MODEL`.
    """
    if not model and not show:
        raise InvalidRequest("name the model, or say --show to see what is remembered of all of them")
    looks = connection.is_here() and not (show or forget)
    used = busy.share() if looks else None  # before a daemon of ours is at work
    with connection.client(connection.begin()) as client:
        if show or forget:
            _print(connection, client.tune(model, forget=forget))
            return
        work = Work(
            num_streams=_WORK.num_streams,
            num_rounds=rounds,
            num_prompt_tokens=prompt_tokens,
            num_tokens=tokens,
        )
        print_note(f"this takes the model out of memory several times; {busy.sentence(used)}")
        best = _search(connection, client, model, work)
        remembers = not dry_run and (anyway or not busy.is_busy(used))
        if remembers:
            _remember(client, model, best)
    if connection.as_json:
        print_json({"model": model, "best": asdict(best), "remembered": remembers, "used_by_others": used})
    else:
        print(f"{model}: {describe(best)}{', from its next load on' if remembers else ''}")
    if not (remembers or dry_run):
        print_note("nothing is remembered of a busy machine; try again when it is quiet, or say --anyway")


def _search(connection: Connection, client: Client, model: str, work: Work) -> EngineSettings:
    fixed = frozenset(client.tune(model).fixed)
    for name in sorted(fixed):
        print_note(f"engine.{name} is set by the configuration, and stays as it is")
    before = client.tune(model, forget=True)  # what hob does anyway is measured first
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    trials = search(here if connection.is_here() else _MOST_THREADS_ELSEWHERE, fixed)
    try:
        tried = next(trials)
        while True:
            found = _score(client, model, work, tried)
            print_note(f"{describe(tried):<48} {f'{found:8.1f}' if found else 'does not load'}")
            tried = trials.send(found)
    except StopIteration as end:
        best: EngineSettings = end.value
        return best
    finally:
        client.unload(model)
        for tuning in before.tunings:
            client.tune(model, remember=tuning.settings)


def _score(client: Client, model: str, work: Work, settings: EngineSettings) -> float:
    """0 for settings with which the model does not load; the usual ones must."""
    try:
        load_trial(client, model, settings)
    except (ModelUnusable, OutOfMemory):
        if settings == EngineSettings():
            raise
        return 0.0
    return score(speeds(list(Measuring(client, model, work).rounds())))


def _remember(client: Client, model: str, best: EngineSettings) -> None:
    """What hob does anyway needs no remembering."""
    if best == EngineSettings():
        client.tune(model, forget=True)
    else:
        client.tune(model, remember=best)


def _print(connection: Connection, told: Tunings) -> None:
    if connection.as_json:
        print_json(record(told))
        return
    rows = [(each.model, describe(each.settings), age(each.at)) for each in told.tunings]
    if rows:
        print_table(("MODEL", "SETTINGS", "MEASURED"), rows)
    else:
        print_note("nothing was measured; `hob tune MODEL` does")
    for name in told.fixed:
        print_note(f"engine.{name} is set by the configuration, which goes before what was measured")
