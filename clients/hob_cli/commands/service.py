"""`hob service`: hob as a service that starts with the user's session.

Must show with `--print` exactly what it would do, and leave models alone. Called by main.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from hob import address
from hob_client import launch
from hob_client.errors import DaemonStartFailed, NotSupported

from hob_cli import exits
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table, record, size
from hob_cli.service import installation, systemd
from hob_cli.service.launchd import Launchd
from hob_cli.service.state import ServiceState
from hob_cli.service.steps import Command, Step, WriteFile, carry_out
from hob_cli.service.systemd import Systemd
from hob_cli.service.task_scheduler import TaskScheduler
from hob_cli.terminal import visible

Manager = Systemd | Launchd | TaskScheduler
_PRINT = click.option("--print", "only_print", is_flag=True, help="Show what would be done, and do nothing.")


@click.group("service")
def command() -> None:
    """Run hob as a service that starts with your session."""


@command.command()
@click.option(
    "--on-demand", is_flag=True, help="Start hobd when somebody asks, not with the session (systemd)."
)
@_PRINT
@connection_options
@click.pass_obj
def install(connection: Connection, on_demand: bool, only_print: bool) -> None:
    """Install the service and start it, or bring it up to date and restart it."""
    manager = _manager()
    if on_demand and not isinstance(manager, Systemd):
        raise NotSupported("only systemd starts hobd on demand; leave --on-demand out")
    if not only_print:
        _check(manager)
    _do(connection, manager.install(on_demand=on_demand), only_print)
    if not only_print:
        _say_installed(connection, manager, on_demand)


@command.command()
@_PRINT
@connection_options
@click.pass_obj
def uninstall(connection: Connection, only_print: bool) -> None:
    """Remove the service and all that hobd remembered. Models and your configuration stay."""
    manager, found = _manager(), installation.find()
    if not only_print:
        _check(manager)
    _do(connection, manager.uninstall(), only_print)
    kept = [str(path) for path in (found.models, address.config_path()) if path.exists()]
    if connection.as_json and not only_print:
        print_json({"is_installed": False, "kept": kept})
    elif not only_print:
        print_note(f"the service is gone; left: {', '.join(kept) or 'nothing'}")


def _verb(verb: str, help_text: str) -> None:
    @command.command(verb, help=help_text)
    @_PRINT
    @connection_options
    @click.pass_obj
    def control(connection: Connection, only_print: bool) -> None:
        manager = _manager(must_be_installed=True)
        _do(connection, manager.control(verb), only_print)
        if connection.as_json and not only_print:
            print_json(record(manager.state()))


_verb("start", "Start the service, and wait until it serves.")
_verb("stop", "Let requests under way finish, then stop the service.")
_verb("restart", "Stop it and start it anew.")


@command.command()
@connection_options
@click.pass_obj
def status(connection: Connection) -> None:
    """Show how the service is. Exit status 11 if it does not run."""
    state = _manager().state()
    if connection.as_json:
        print_json(record(state))
    else:
        print_table(("service", f"hobd, by {state.manager}"), _rows(state))
    if not state.is_running and not state.is_on_demand:
        click.get_current_context().exit(exits.FAILED)


@command.command()
@click.option(
    "-n", "--last", type=click.IntRange(1, 100_000), default=50, show_default=True, help="So many lines."
)
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written.")
@connection_options
@click.pass_obj
def logs(connection: Connection, last: int, follow: bool) -> None:
    """Print what the service logged. It holds no word of prompts or answers."""
    argv = _manager().logs(num_lines=last, follow=follow, as_json=connection.as_json)
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def _manager(*, must_be_installed: bool = False) -> Manager:
    manager: Manager | None = None
    if sys.platform == "darwin":
        manager = Launchd(installation.find())
    elif sys.platform == "win32":
        manager = TaskScheduler(installation.find())
    elif sys.platform == "linux" and (version := systemd.installed_version()) is not None:
        manager = Systemd(installation.find(), version=version)
    if manager is None:
        raise NotSupported(
            "there is neither systemd nor launchd here; have your service manager run "
            f"`{sys.executable} -I -m hobd`, or just `hob run`, which starts a daemon"
        )
    if must_be_installed and not manager.unit_path.exists():
        raise DaemonStartFailed("the service is not installed; `hob service install` does that")
    return manager


def _check(manager: Manager) -> None:
    """Whether there is somebody to carry it out, and nobody whom it would push aside."""
    if isinstance(manager, Systemd) and not manager.has_manager():
        raise DaemonStartFailed(
            "no systemd manager of yours runs; log in as yourself (not by su or sudo), or have it run always "
            "with `loginctl enable-linger`"
        )
    state = manager.state()  # on demand it is the manager who listens
    if not (state.is_running or state.is_on_demand) and launch.is_listening(str(_door())):
        raise DaemonStartFailed(
            f"a daemon that is no service answers at {_door()}; end it with `hob stop --daemon`, then repeat"
        )


def _door() -> Path:
    """Where the service's door is, whatever HOB_SOCKET says."""
    if sys.platform == "win32":
        return address.socket_path()
    return address.runtime_dir() / address.SOCKET_NAME


def _do(connection: Connection, steps: list[Step], only_print: bool) -> None:
    if not only_print:
        carry_out(steps)
    elif connection.as_json:
        print_json({"steps": [_step_record(step) for step in steps]})
    else:
        for step in steps:
            _show(step)


def _step_record(step: Step) -> dict[str, object]:
    fields = {name: str(value) if isinstance(value, Path) else value for name, value in record(step).items()}
    return {"step": step.describe(), **fields}


def _show(step: Step) -> None:
    """As lines of a shell would say it; a file with what goes into it."""
    lines = [f"# {step.describe()}"] if not isinstance(step, Command) else [" ".join(step.argv)]
    if isinstance(step, WriteFile):
        lines += [f"    {line}".rstrip() for line in step.text.splitlines()]
    click.echo(
        visible("\n".join(lines)) if not isinstance(step, WriteFile) else "\n".join(map(visible, lines))
    )


def _say_installed(connection: Connection, manager: Manager, on_demand: bool) -> None:
    state = manager.state()
    if connection.as_json:
        print_json(record(state))
        return
    runs = (
        "starts when somebody asks" if on_demand else f"runs (pid {state.pid}) and starts with your session"
    )
    print_note(f"hobd is installed, {runs}; `hob service status` shows how it is")
    if state.is_lingering is False:
        print_note("it ends when you log out; `loginctl enable-linger` lets it run on")


def _rows(state: ServiceState) -> list[tuple[str, str]]:
    lingering = {True: "goes on when you log out", False: "ends when you log out", None: "-"}
    if not state.is_installed:
        return [("installed", "no; `hob service install` does that")]
    starts = "on demand" if state.is_on_demand else "with the session" if state.is_enabled else "by hand only"
    return [
        ("installed", state.unit),
        ("state", state.state + (f", {state.result}" if state.result not in ("", "success", "0") else "")),
        ("pid", str(state.pid or "-")),
        ("starts", starts),
        ("restarts", str(state.num_restarts)),
        ("memory", "-" if state.memory_bytes is None else size(state.memory_bytes)),
        ("session", lingering[state.is_lingering]),
    ]
