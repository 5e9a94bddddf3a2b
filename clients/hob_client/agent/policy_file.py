"""Where the policy for tools lies, and how it is read.

Must believe no file that somebody else could have written. Called by hob_cli and hob_editors.
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path

from hob_client.agent.policy import Policy, parse_policy
from hob_client.errors import InvalidRequest

_MOST_BYTES = 1 << 20

EXAMPLE = """\
# What models may do through `hob chat --tools` and `hob acp`. Without this file, or a line of it, what is
# written here holds.
#   allow  without asking          once  the first time in a session
#   ask    every time              deny  never; the model is not told of such tools

[tools]
read = "once"     # list, read and search files in the working directory
write = "ask"     # change files in it
shell = "deny"    # run commands, with your rights but for what follows
shell_writes = "folder"  # commands change files in the working directory, and temporary ones; or "anywhere"
network = "deny"  # servers that use a network, and commands that may; never while hob is offline

[limits]
steps = 24                 # answers to one question
calls = 16                 # of one answer
repeats = 2                # of the same call
result_characters = 16000  # of one result
turn_characters = 120000   # of all results for one question
shell_seconds = 60         # for one command

[exclude]
patterns = []  # as in .gitignore; beside .gitignore, .hobignore and what usually holds secrets

# A server of tools (MCP, over stdio). Nothing else is started, whatever an editor asks for.
# [mcp.notes]
# command = "notes-server"
# args = ["--read-only"]
# environment = []     # names of variables that it gets
# network = false      # it has none; true: it may use one, which [tools] network must allow too
# tools = []           # those of its tools that may be called; none named: all
# permission = "ask"
"""


def policy_path() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or ""
    return (Path(config) if os.path.isabs(config) else Path.home() / ".config") / "hob" / "tools.toml"


def read_policy(path: Path | None = None) -> Policy:
    """The user's policy, or the defaults if there is no file. Raises InvalidRequest."""
    path = path or policy_path()
    try:
        with path.open("rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return parse_policy({})
    except OSError as error:
        raise InvalidRequest(f"the policy {path} cannot be read: {error.strerror}; mend that") from None
    if len(text) > _MOST_BYTES:
        raise InvalidRequest(f"the policy {path} is larger than {_MOST_BYTES} bytes; make it smaller")
    try:
        table = tomllib.loads(text.decode())
    except ValueError as error:  # what is not UTF-8, too
        raise InvalidRequest(f"the policy {path} is no TOML: {error}") from None
    return parse_policy(table, str(path))


def _check_owner(path: Path, found: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if found.st_uid not in (0, os.getuid()) or stat.S_IMODE(found.st_mode) & 0o022:
        raise InvalidRequest(f"the policy {path} could have been written by others; chmod 600 what is yours")
