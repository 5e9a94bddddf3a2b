"""The entry of `hob`: finds the command, runs it, turns whatever it ends with into an exit code.

Must never import a command that is not run, nor show a traceback. Called by the console script.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click
from hob_client.errors import HobError

from hob_cli import exits
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_error

#: Every command, and its line in `hob --help`, which must not import them all.
COMMANDS = {
    "run": "Answer one prompt.",
    "chat": "Talk with a model.",
    "tools": "Show what models may do with tools, and why.",
    "acp": "Be the agent of an editor, over its pipes.",
    "embed": "Turn texts into vectors.",
    "rerank": "Order documents by how well they answer a query.",
    "ps": "Show the models in memory.",
    "top": "Watch models, memory and speed, live.",
    "models": "List the models there are.",
    "pull": "Fetch a model from a network.",
    "import": "Take over models that are on this machine already.",
    "load": "Bring a model into memory.",
    "bench": "Measure how fast a model reads prompts and writes answers.",
    "tune": "Find the settings that make a model fastest here, and remember them.",
    "pin": "Keep a model from being evicted.",
    "unpin": "Let a pinned model go again.",
    "forget": "Drop what is kept of your prompts.",
    "stop": "Take models out of memory, or end the daemon.",
    "status": "Show how the daemon is.",
    "doctor": "Look for what is wrong, and say what mends it.",
    "bug-report": "Gather what a report of a fault needs, and show it.",
    "service": "Run hob as a service that starts with your session.",
    "events": "Follow what happens in the daemon.",
    "link": "Keep daemons on other machines within reach.",
    "door": "Open doors for other programs and users.",
    "attest": "Show that the walls stand, by trying them.",
    "wires": "List what could touch a network.",
    "privacy": "List where what you say is kept.",
    "audit": "Show and check the journal of what happened.",
    "gateway": "Serve OpenAI's, Anthropic's and Ollama's HTTP on this machine.",
    "connect": "Print what makes a tool use the gateway.",
    "lsp": "Complete and edit in an editor, as a language server.",
    "version": "Show the versions of client and daemon.",
    "completion": "Print a shell's completion script.",
}


class Interrupted(Exception):
    """Ctrl-C, under a name that click does not turn into words of its own."""


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"hob_cli.commands.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            near = get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(
                f"there is no command {args[0]!r}" + (f", did you mean {near[0]!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(f"\n{exits.help_text()}\n")

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None
        except BrokenPipeError:
            raise ReaderGone from None


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@connection_options
@click.pass_context
def cli(context: click.Context) -> None:
    """Local language models, behind a Unix socket."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    connection = Connection()
    try:
        status: int | None = cli.main(args=arguments, prog_name="hob", standalone_mode=False, obj=connection)
        sys.stdout.flush()
        return status or exits.OK  # a command that found something wrong exits with what it found
    except HobError as error:
        print_error(error, as_json=connection.as_json)
        return exits.exit_code(error)
    except click.ClickException as error:
        print_error(_Usage(_explain(error)), as_json=connection.as_json)
        return exits.USAGE
    except (Interrupted, KeyboardInterrupt, click.Abort):
        return exits.INTERRUPTED
    except (ReaderGone, BrokenPipeError):
        # Python flushes stdout once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.READER_GONE
    except Exception as error:
        return _admit(error, as_json=connection.as_json)
    finally:
        connection.close()


class _Usage(HobError):
    code = "usage"


def _explain(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"; see `{context.command_path} --help`" if context else ""
    return f"{error.format_message().rstrip('.')}{hint}"


def _admit(error: Exception, *, as_json: bool) -> int:
    """A bug. Its message is not printed, because it could quote a prompt; where it happened cannot."""
    if os.environ.get("HOB_DEBUG") == "1":
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {os.path.basename(last.filename)} line {last.lineno}"
    message = f"this is a bug ({place}); please report it with the traceback that HOB_DEBUG=1 shows"
    print_error(HobError(message), as_json=as_json)
    return exits.INTERNAL
