"""A command's or a server's first program: it gives rights up, then becomes what was asked for.

Must never run that with more than was asked for: what cannot be given up ends it with a sentence. Started by
shell.py, mcp_servers.py, or an editor's terminal, as `python -I -m hob_client.agent.confined`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import NoReturn

from hob import landlock

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")
CANNOT = 125  # what `env` and `timeout` exit with when it is they who failed
#: What programs change wherever they work: temporary files, and devices that hold nothing.
SHARED = (
    *("/tmp", "/var/tmp", "/dev/shm"),
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    *("/dev/tty", "/dev/ptmx", "/dev/pts"),
)
_MOST_FILE_BYTES = 1 << 30


def main(arguments: list[str]) -> NoReturn:
    """`[--no-network] [--seconds N] [--writes-below FOLDER] -- COMMAND`, which a shell runs, or
    `... --program -- NAME [ARGUMENT ...]`, with the environment as it is."""
    end = arguments.index("--")
    options, rest = arguments[:end], arguments[end + 1 :]
    has_network = "--no-network" not in options
    _limit(int(_value(options, "--seconds") or 0))
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if not has_network:
            _leave_networks(libc)
        _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "gain no rights")
    elif not has_network:
        _refuse("this system cannot keep a program from networks; allow it one in the policy for tools")
    if (folder := _value(options, "--writes-below")) is not None:
        _keep_writes(folder, has_network=has_network)
    if "--program" in options:
        _become(rest)
    os.execve("/bin/sh", ["sh", "-c", rest[0]], environment())


def _become(argv: list[str]) -> NoReturn:
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        _refuse(f"{argv[0]} cannot be started ({error.strerror})")


def _value(options: list[str], name: str) -> str | None:
    return options[options.index(name) + 1] if name in options else None


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


def _keep_writes(folder: str, *, has_network: bool) -> None:
    """Nothing is changed but what is below the folder, and temporary files."""
    changed = [folder, *SHARED, *filter(None, [os.environ.get("TMPDIR")])]
    rules = [("/", landlock.READ | landlock.EXECUTE), *((path, landlock.ALL) for path in changed)]
    try:
        landlock.restrict(rules, dials=has_network)
    except NotImplementedError:
        _refuse(
            "this system cannot keep what a command writes in the working directory; "
            'set [tools] shell_writes = "anywhere" to accept that'
        )
    except OSError as error:
        _refuse(f"what the command writes cannot be kept in the working directory ({error.strerror})")


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
