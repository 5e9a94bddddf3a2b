"""A command's first program: it gives rights up, then becomes the shell.

Must never run the command with more than was asked for: what cannot be given up ends it with a sentence.
Started by shell.py, or by an editor's terminal, as `python -I -m hob_client.agent.confined`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import NoReturn

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")
CANNOT = 125  # what `env` and `timeout` exit with when it is they who failed
_MOST_FILE_BYTES = 1 << 30


def main(arguments: list[str]) -> NoReturn:
    """`[--no-network] [--seconds N] COMMAND`."""
    has_network = "--no-network" not in arguments
    seconds = int(arguments[arguments.index("--seconds") + 1]) if "--seconds" in arguments else 0
    _limit(seconds)
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if not has_network:
            _leave_networks(libc)
        _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "gain no rights")
    elif not has_network:
        _refuse("this system cannot keep a command from networks; allow [tools] network to run it with them")
    os.execve("/bin/sh", ["sh", "-c", arguments[-1]], environment())


def environment() -> dict[str, str]:
    """No tokens, no sockets of agents: what a program needs to find others and to write a language."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"TERM": "dumb"}


def _leave_networks(libc: ctypes.CDLL) -> None:
    """A network of its own, in which there is nothing."""
    user, group = os.geteuid(), os.getegid()
    _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET), "leave all networks")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        except OSError as error:
            _refuse(f"the command cannot leave all networks ({name}: {error.strerror})")


def _limit(seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has other means
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for limit, value in ((resource.RLIMIT_FSIZE, _MOST_FILE_BYTES), (resource.RLIMIT_CPU, seconds)):
        _, hard = resource.getrlimit(limit)
        if value and (hard == resource.RLIM_INFINITY or value < hard):
            resource.setrlimit(limit, (value, value))


def _check(result: int, what: str) -> None:
    if result != 0:
        _refuse(f"the command cannot be made to {what} ({os.strerror(ctypes.get_errno())})")


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"hob: {why}; nothing was run\n")
    sys.exit(CANNOT)


if __name__ == "__main__":
    main(sys.argv[1:])
