"""The command line of the gateway: run, start, stop, status, token, connect.

Must print data on stdout and talk on stderr, and a token's secret once. Called by __main__.py.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from hob_client import launch, socket_path
from hob_client.errors import HobError, InvalidRequest

from hob_gateway import connecting, doors, listening, places, server, starting
from hob_gateway.tokens import SCOPES, Token, TokenBook, new_token

Context = click.Context


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--socket", metavar="PATH", help="Serve through this door. Default: one of its own.")
@click.option("--no-start", is_flag=True, help="Never start a daemon.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def gateway(context: Context, socket: str | None, no_start: bool, as_json: bool) -> None:
    """Serve OpenAI's, Anthropic's and Ollama's HTTP on this machine.

    A program of its own, off until it is started: it listens on loopback or a Unix socket, wants a token
    from everybody, and reaches one door of the daemon and nothing else.
    """
    path = os.path.abspath(socket) if socket else None
    context.obj = {"socket": path, "start": not no_start, "json": as_json}


_RUN_OPTIONS = (
    click.option(
        "--door",
        "door",
        default="",
        metavar="NAME",
        help=f"Serve through this door. [{doors.OWN}, which is opened if need be and infers only]",
    ),
    click.option(
        "--listen",
        "address",
        default=listening.DEFAULT,
        show_default=True,
        help="HOST:PORT or unix:PATH.",
    ),
    click.option("--lan", is_flag=True, help="Let a network reach it; encrypted, with tokens."),
    click.option("--certificate", default="", metavar="FILE", help="Your own, as PEM. Default: one is made."),
    click.option("--key", default="", metavar="FILE", help="The certificate's key, as PEM."),
    click.option("--host", "hosts", multiple=True, metavar="NAME", help="Also answer to this name."),
    click.option("--origin", "origins", multiple=True, metavar="URL", help="Let pages of this origin ask."),
    click.option(
        "--rate",
        type=click.IntRange(1, 100_000),
        default=50,
        show_default=True,
        help="Requests a second that one token may make; four times as many at once.",
    ),
    click.option(
        "--access-log/--no-access-log",
        default=True,
        help="Write a line for each request to stderr, without content. [on]",
    ),
    click.option(
        "--traces",
        default="",
        metavar="FILE",
        help='Write OpenTelemetry spans there, without content, as lines of OTLP JSON; "-" for stderr.',
    ),
    click.option(
        "--keep-alive",
        type=click.FloatRange(0.05, 300),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long a stream may be silent before clients hear that it still waits.",
    ),
    click.option(
        "--unconfined", is_flag=True, help="Run with all that you may do (where it cannot be less)."
    ),
)


def run_options(function: Any) -> Any:
    for option in reversed(_RUN_OPTIONS):
        function = option(function)
    return function


@gateway.command("run")
@run_options
@click.option("--ready-fd", type=int, hidden=True)
@click.pass_obj
def run_command(options: dict[str, Any], /, address: Any, **rest: Any) -> None:
    """Serve in this terminal until Ctrl-C."""
    address = listening.parse_address(address)
    listening.check_reach(address, lan=rest["lan"])
    served = _door(options, rest.pop("door"), lan=rest["lan"])
    if served.note:
        _note(served.note)
    wishes = server.Wishes(door=served.path, door_name=served.name, address=address, **rest)
    sys.exit(server.run(wishes))


def _door(options: dict[str, Any], name: str, *, lan: bool) -> doors.Served:
    """Raises HobError. A daemon that has to be started is started now: the gateway will run nothing."""
    if options["socket"] and name:
        raise InvalidRequest("--socket and --door both name the door to serve through; leave one out")
    path = socket_path.resolve(options["socket"])
    if options["start"]:
        launch.ensure(path, start=True)
    return doors.take(path, lan=lan) if options["socket"] else doors.find(path, name=name, lan=lan)


@gateway.command("start")
@run_options
@click.pass_obj
def start_command(options: dict[str, Any], /, **rest: Any) -> None:
    """Serve in the background."""
    record = server.running()
    if not record:
        record = starting.start(_arguments(options, rest))
    _print(options, record, f"gateway at {record['url']}, process {record['pid']}")


@gateway.command("stop")
@click.pass_obj
def stop_command(options: dict[str, Any]) -> None:
    """End the gateway that runs."""
    record = server.running()
    if record:
        starting.stop(record["pid"])
    words = f"gateway at {record['url']} has ended" if record else "no gateway runs"
    _print(options, {"was_running": bool(record)}, words)


@gateway.command("status")
@click.pass_obj
def status_command(options: dict[str, Any]) -> None:
    """Say whether a gateway runs, and where."""
    record = server.running()
    door = f"door {record.get('door') or record.get('socket')}" if record else ""
    words = f"gateway at {record['url']}, process {record['pid']}, {door}" if record else ""
    _print(
        options,
        {"running": bool(record), **record},
        words or "no gateway runs; start it with `hob gateway start`",
    )


def _arguments(options: dict[str, Any], rest: dict[str, Any]) -> list[str]:
    """The same wishes, for another process."""
    listed = ["--socket", options["socket"]] if options["socket"] else []
    listed += [] if options["start"] else ["--no-start"]
    listed += ["run", "--listen", rest["address"], *(["--door", rest["door"]] if rest["door"] else [])]
    listed += [f"--{name}" for name in ("lan", "unconfined") if rest[name]]
    listed += ["--rate", str(rest["rate"]), "--keep-alive", str(rest["keep_alive"])]
    listed += [] if rest["access_log"] else ["--no-access-log"]
    listed += ["--traces", "-"] if rest["traces"] == "-" else []
    for name in ("certificate", "key", *(["traces"] if rest["traces"] != "-" else [])):
        listed += [f"--{name}", os.path.abspath(rest[name])] if rest[name] else []
    for name in ("hosts", "origins"):
        listed += [part for value in rest[name] for part in (f"--{name[:-1]}", value)]
    return listed


# ------------------------------------------------------------- tokens


@gateway.group("token")
def token_group() -> None:
    """Say who may ask the gateway."""


@token_group.command("add")
@click.argument("name")
@click.option(
    "--scope", type=click.Choice(SCOPES), multiple=True, default=("infer",), help="What it may do. [infer]"
)
@click.option("--days", type=int, metavar="N", help="It ends after so many days. Default: never.")
@click.pass_obj
def add_token(options: dict[str, Any], name: str, scope: tuple[str, ...], days: int | None) -> None:
    """Make a token and print it, this once."""
    token, secret = new_token(name, dict.fromkeys(("infer", *scope)), now=time.time(), days=days)
    _book().add(token)
    _note(f"token {name!r} may {' and '.join(token.scopes)}; only its digest is kept, so note it now")
    _print(options, {"token": secret, **_record(token)}, secret)


@token_group.command("list")
@click.pass_obj
def list_tokens(options: dict[str, Any]) -> None:
    """List the tokens, without their secrets."""
    records = [_record(token) for token in _book().tokens()]
    if options["json"]:
        _print(options, {"tokens": records}, "")
        return
    for record in records:
        scopes, state = ",".join(record["scopes"]), record["state"]
        click.echo(f"{record['name']:<20}  {scopes:<13}  {state:<8}  {record['expires_at'] or 'never ends'}")
    if not records:
        _note("there are no tokens; make one with `hob gateway token add NAME`")


@token_group.command("revoke")
@click.argument("name")
@click.pass_obj
def revoke_token(options: dict[str, Any], name: str) -> None:
    """End a token now, in a gateway that runs, too."""
    _book().revoke(name)
    _print(options, {"revoked": name}, f"token {name!r} is revoked")


def _book() -> TokenBook:
    return TokenBook(places.folder() / server.TOKENS)


def _record(token: Token) -> dict[str, Any]:
    state = "revoked" if token.revoked else "valid" if token.is_valid(time.time()) else "expired"
    ends = None if token.expires_at is None else datetime.fromtimestamp(token.expires_at, UTC).isoformat()
    return {"name": token.name, "scopes": list(token.scopes), "state": state, "expires_at": ends}


# ------------------------------------------------------------- connect


@gateway.command("connect")
@click.argument("tool", required=False)
@click.option("--model", "-m", default="", help="Default: the first that there is.")
@click.option(
    "--token", "secret", envvar="HOB_GATEWAY_TOKEN", default="", help="Default: $HOB_GATEWAY_TOKEN."
)
@click.option("--url", default="", help="Default: of the gateway that runs.")
@click.option("--check", is_flag=True, help="Make one call as the tool would.")
@click.pass_obj
def connect_command(
    options: dict[str, Any], tool: str | None, model: str, secret: str, url: str, check: bool
) -> None:
    """Print what makes a TOOL use the gateway; without one, list the tools."""
    if tool is None:
        names = sorted(connecting.TOOLS)
        _print(options, {"tools": names}, "\n".join(names))
        return
    url = url or server.running().get("url") or f"http://{listening.DEFAULT}"
    place = connecting.with_model(connecting.Place(url=url, token=secret, model=model))
    wiring = connecting.wire(tool, place)
    _print(options, {"tool": tool, "file": wiring.file, "text": wiring.text}, wiring.text)
    if wiring.file and not options["json"]:
        _note(f"put that into {wiring.file}")
    if check:
        _note(connecting.check(tool, place))


# ------------------------------------------------------------- the program


def _print(options: dict[str, Any], record: dict[str, Any], words: str) -> None:
    click.echo(json.dumps(record, ensure_ascii=False) if options["json"] else words)


def _note(text: str) -> None:
    click.echo(f"hob: {text}", err=True)


def run(arguments: Sequence[str]) -> int:
    """One command line; its exit code."""
    as_json = "--json" in arguments
    try:
        gateway.main(args=_sorted(arguments), prog_name="hob gateway", standalone_mode=False)
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except HobError as error:
        return _fail(error.message, error.code, as_json=as_json)
    except click.ClickException as error:
        return _fail(error.format_message().rstrip("."), "usage", as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        return 130


def _sorted(arguments: Sequence[str]) -> list[str]:
    """`--json` may stand anywhere, as in all of hob."""
    rest = [argument for argument in arguments if argument != "--json"]
    return ["--json", *rest] if len(rest) < len(arguments) else rest


#: As in `hob --help`.
_EXITS = {"usage": 2, "daemon_unreachable": 3, "invalid_request": 4, "not_permitted": 9, "not_supported": 10}


def _fail(message: str, code: str, *, as_json: bool) -> int:
    record = {"error": {"code": code, "message": message}}
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else f"hob: {message}", err=True)
    return _EXITS.get(code, 1)
