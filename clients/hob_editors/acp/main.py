"""The command line of the agent, and its life: from the first byte on its pipes to their end.

Must write nothing to stdout but the protocol, and no text of a conversation to stderr. Called by __main__.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from typing import cast

import click
from acp import Agent, run_agent
from hob_client import launch, socket_path
from hob_client.agent.policy_file import read_policy
from hob_client.async_client import AsyncClient
from hob_client.errors import HobError

from hob_editors.acp.agent import HobAgent

#: One message of an editor: a prompt with files embedded is one.
MOST_MESSAGE_BYTES = 32 << 20
#: As `hob --help` lists them.
_EXITS = {"daemon_unreachable": 3, "daemon_start_failed": 3, "not_permitted": 9, "internal": 1}


@click.command("acp", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--socket", metavar="PATH", help="The daemon's socket.")
@click.option("--no-start", is_flag=True, help="Never start a daemon.")
@click.option("-m", "--model", default="", metavar="MODEL", help="To begin with. Default: the daemon's.")
def command(socket: str | None, no_start: bool, model: str) -> None:
    """Be the agent of an editor, over its pipes (Agent Client Protocol).

    Editors start this: name the command `hob` with the argument `acp` among their agent servers. It reads and
    writes files through the editor alone, inside the session's directory, and asks there before each thing
    that the policy leaves to you (`hob tools`). Sessions are in memory only.
    """
    if sys.stdin.isatty():
        raise click.UsageError("an editor starts `hob acp`; in a terminal, use `hob chat --tools`")
    logging.disable()  # libraries quote what they could not read
    door = socket_path.resolve(os.path.abspath(socket) if socket else None)
    policy = read_policy()
    launch.ensure(door, start=not no_start)

    async def live() -> None:
        async with AsyncClient(door, start=not no_start) as client:
            agent = HobAgent(client, policy, model)
            try:
                await run_agent(cast("Agent", agent), stdio_buffer_limit_bytes=MOST_MESSAGE_BYTES)
            finally:
                await agent.close()

    asyncio.run(live())


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status: what is wrong is one sentence on stderr, where editors look for it."""
    try:
        command.main(args=list(arguments), prog_name="hob acp", standalone_mode=False)
    except HobError as error:
        return _fail(error.message, _EXITS.get(error.code, 4))
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort, BrokenPipeError):
        return 130
    except Exception as error:  # its message could quote a prompt
        return _fail(f"this is a bug ({type(error).__name__}); please report it", 1)
    return 0


def _fail(message: str, code: int) -> int:
    print(f"hob: {message}", file=sys.stderr)
    return code
