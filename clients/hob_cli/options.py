"""Options that several commands share.

Must stay names and help: what the values mean is the contract's business. Used by commands/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection

_TRUNCATIONS = {"drop-oldest": "drop_oldest_messages", "keep-end": "keep_end"}


def _set_socket(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Connection).socket = value


def _set_host(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Connection).host = value


def _set_no_start(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Connection).start = False


def _set_json(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Connection).as_json = True


def _loras(context: click.Context, parameter: click.Parameter, said: tuple[str, ...]) -> Any:
    """`NAME` or `NAME=SCALE`, which may be said for several adapters."""
    loras = {}
    for text in said:
        name, _, scale = text.rpartition("=") if "=" in text else (text, "", "1")
        try:
            loras[name] = float(scale)
        except ValueError:
            raise click.BadParameter(f"{text!r} has no number after the =; write NAME=0.7, or NAME") from None
    return loras or None


_CONNECTION = (
    click.option(
        "--socket", metavar="PATH", expose_value=False, callback=_set_socket, help="The daemon's socket."
    ),
    click.option(
        "--host",
        metavar="HOST",
        expose_value=False,
        callback=_set_host,
        help="A daemon elsewhere: ssh://[USER@]BOX[:PORT][/SOCKET], or a link's name.",
    ),
    click.option(
        "--no-start", is_flag=True, expose_value=False, callback=_set_no_start, help="Never start a daemon."
    ),
    click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=_set_json, help="Print JSON."
    ),
)

model_option = click.option(
    "-m", "--model", default="", metavar="MODEL", shell_complete=complete_model, help="Default: the daemon's."
)

_TREATMENT = (
    click.option(
        "--priority",
        "priority_class",
        type=click.Choice(["interactive", "normal", "batch"]),
        help="Who goes first when lanes are short.",
    ),
    click.option("--incognito", is_flag=True, default=None, help="Neither read nor fill any cache."),
    click.option("--keep-alive", "keep_alive_seconds", type=int, help="Seconds to keep the model after."),
    click.option("--max-queue-ms", type=int, help="Give up if no lane is free by then."),
    click.option("--max-total-ms", type=int, help="Finish by then with what is there."),
)

_PARAMETERS = (
    click.option("--temperature", type=float, help="0 is greedy."),
    click.option("--top-k", type=int, help="Keep the k likeliest tokens; 0: off."),
    click.option("--top-p", type=float, help="Keep the likeliest tokens that sum to p; 1: off."),
    click.option("--min-p", type=float, help="Drop tokens below p times the likeliest; 0: off."),
    click.option("--typical-p", type=float, help="Keep tokens of typical surprise; 1: off."),
    click.option("--repeat-penalty", type=float, help="Above 1, repeat less."),
    click.option("--frequency-penalty", type=float, help="-2 to 2; 0: off."),
    click.option("--presence-penalty", type=float, help="-2 to 2; 0: off."),
    click.option("--penalty-last-n", type=int, help="Tokens that the penalties look back on."),
    click.option(
        "--lora",
        "loras",
        multiple=True,
        metavar="NAME[=SCALE]",
        callback=_loras,
        help="Apply this adapter of the model. Repeatable.",
    ),
    click.option("--seed", type=int, help="Draw the same tokens again."),
    click.option("--max-tokens", type=int, help="End after so many tokens."),
    click.option("--stop", multiple=True, metavar="TEXT", help="End before this text. Repeatable."),
    click.option("--ignore-eos", is_flag=True, default=None, help="Go on past the model's end."),
    click.option(
        "--truncate",
        "truncation_strategy",
        type=click.Choice(list(_TRUNCATIONS)),
        help="Cut a prompt that is too long, instead of refusing it.",
    ),
    *_TREATMENT,
)


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--socket, --host, --no-start and --json: before the command's name or after it."""
    return _apply(_CONNECTION, command)


def parameter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The parameters of a request, by their names in hob_client.Parameters."""
    return _apply(_PARAMETERS, command)


def treatment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Those of them that say how any request wants to be treated."""
    return _apply(_TREATMENT, command)


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """What was said of the parameters; all else is the daemon's to decide."""
    said = {name: value for name, value in options.items() if value not in (None, ())}
    if "truncation_strategy" in said:
        said["truncation_strategy"] = _TRUNCATIONS[said["truncation_strategy"]]
    return said


def _apply(options: tuple[Callable[..., Any], ...], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
