"""`hob bench`: how fast a model is on the daemon's machine.

Must say how sure it is: medians, spread, and whether others were at work. Called by main.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hob_client.errors import InvalidRequest
from hob_client.models import EngineSettings

from hob_cli.bench import busy, picture
from hob_cli.bench.figures import Figure, Round, Speed
from hob_cli.bench.measuring import Measuring, Work, describe, load_trial, parse_settings, speeds
from hob_cli.bench.plot import bars
from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table
from hob_cli.terminal import show_passing

if TYPE_CHECKING:
    from hob_client.client import Client

_MOST_STREAMS = 256
_WIDE_SPREAD = 0.25


def _streams(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(word.isdecimal() and 1 <= int(word[:6]) <= _MOST_STREAMS for word in words) or len(words) > 8:
        raise click.BadParameter(f"name up to 8 numbers from 1 to {_MOST_STREAMS}, as 1,4,16")
    return tuple(int(word) for word in words)


@click.command("bench")
@click.argument("model", shell_complete=complete_model)
@click.option("--streams", default="1,4,16", callback=_streams, show_default=True, help="Answers at once.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="Of each.")
@click.option("--prompt-tokens", type=click.IntRange(1, 100_000), default=128, show_default=True)
@click.option(
    "--tokens", type=click.IntRange(2, 100_000), default=32, show_default=True, help="Of an answer."
)
@click.option("--compare", metavar="KEY=VALUES", help="Load it with each: engine.threads=1,2.")
@click.option("--png", type=click.Path(path_type=Path), help="Also draw a picture.")
@connection_options
@click.pass_obj
def command(
    connection: Connection,
    model: str,
    streams: tuple[int, ...],
    rounds: int,
    prompt_tokens: int,
    tokens: int,
    compare: str | None,
    png: Path | None,
) -> None:
    """Measure how fast a model reads prompts and writes answers.

    --compare takes the model out of memory and loads it with each setting in turn; after that it is loaded as
    configured again, when somebody asks.
    """
    work = Work(num_streams=streams, num_rounds=rounds, num_prompt_tokens=prompt_tokens, num_tokens=tokens)
    trials: Sequence[EngineSettings | None] = parse_settings(compare) if compare else [None]
    used = busy.share() if connection.is_here() else None  # before a daemon of ours is at work
    with connection.client(connection.begin()) as client:
        found = _measure(client, model, work, trials)
    if connection.as_json:
        print_json(_record(model, work, found, used))
    else:
        _show(found, used)
    if png is not None:
        picture.write(png, model, found)


def _measure(
    client: Client, model: str, work: Work, trials: Sequence[EngineSettings | None]
) -> dict[str, list[Speed]]:
    """Settings take turns, half of the rounds each time: what drifts meanwhile does so for all of them."""
    found: dict[str, list[tuple[int, Round]]] = {describe(trial): [] for trial in trials}
    if len(found) < len(trials):
        raise InvalidRequest("the settings to compare must differ from each other")
    first = (work.num_rounds + 1) // 2
    turns = [work.num_rounds] if len(trials) == 1 else [first, work.num_rounds - first]
    try:
        for num_rounds in filter(None, turns):
            for trial in trials:
                if trial is not None:
                    load_trial(client, model, trial)
                part = Work(**{**asdict(work), "num_rounds": num_rounds})
                for num_streams, measured in Measuring(client, model, part).rounds():
                    show_passing(f"{describe(trial)}: {num_streams} at once is measured")
                    found[describe(trial)].append((num_streams, measured))
    finally:
        show_passing("")
        if trials != [None]:
            client.unload(model)
    return {label: speeds(rounds) for label, rounds in found.items()}


def _show(found: Mapping[str, Sequence[Speed]], used: float | None) -> None:
    rows = [
        (
            label,
            str(speed.num_streams),
            _words(speed.prefill_per_second),
            _words(speed.decode_per_second),
            _words(speed.first_ms),
        )
        for label, measured in found.items()
        for speed in measured
    ]
    print_table(("SETTINGS", "ANSWERS", "PROMPT TOKENS/S", "ANSWER TOKENS/S", "FIRST TEXT MS"), rows)
    print()
    plain = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
    heights = [
        (f"{label}, {speed.num_streams} at once", speed.decode_per_second.median)
        for label, measured in found.items()
        for speed in measured
    ]
    for line in bars(heights, "tokens/s", plain=plain):
        print(line)
    print_note(f"medians, with the lowest and highest round; {busy.sentence(used)}")
    widest = max(speed.decode_per_second.spread for measured in found.values() for speed in measured)
    if widest > _WIDE_SPREAD:
        print_note(f"rounds differ by up to {widest:.0%}; --rounds takes more of them")


def _words(figure: Figure) -> str:
    return f"{figure.median:.1f} ({figure.low:.1f} to {figure.high:.1f})"


def _record(
    model: str, work: Work, found: Mapping[str, Sequence[Speed]], used: float | None
) -> dict[str, object]:
    measured = [
        {"settings": label, "speeds": [asdict(speed) for speed in speeds]} for label, speeds in found.items()
    ]
    return {"model": model, "work": asdict(work), "used_by_others": used, "measured": measured}
