"""The command lines that hob gives to ssh, and what ssh's last words mean.

Must do no I/O, put nothing into a command line that host.py has not read, and never hold a password.
Called by tunnel.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hob_client.errors import DaemonUnreachable, HobError, NotPermitted
from hob_client.remote.host import Host

LOCAL_SOCKET = "./hob.sock"  # ssh works in the folder of the socket, whose name then needs no escaping
DOOR_WORD = "hob-door "  # begins the line in which the other machine says where its door is

#: Hand the other machine no rights, share nobody's connection, run nothing that was not asked for.
_OPTIONS = (
    *("ControlMaster=no", "ControlPath=none", "PermitLocalCommand=no", "RemoteCommand=none"),
    *("ForwardAgent=no", "ForwardX11=no", "Tunnel=no", "RequestTTY=no", "LogLevel=INFO"),
    *("ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=3"),
)
# A socket of ours alone, and no life without it.
_FORWARDING = ("ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "StreamLocalBindUnlink=no")

# hob may be older there than `link here`, or not on the path of a login without a terminal, or not there at
# all; then the door is where hob.address puts it.
_ASK = (
    "exec sh -c '"
    'PATH="$PATH:$HOME/.local/bin:/usr/local/bin"; '
    "if command -v hob >/dev/null 2>&1; then hob %s link here; said=$?; [ $said = 2 ] || exit $said; fi; "
    'd=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/hob}; u=$(id -u); [ -n "$d" ] || '
    '{ d=/run/user/$u/hob; [ -d "/run/user/$u" ] || d=${TMPDIR:-/tmp}/hob-$u; }; '
    'echo "hob-door ${HOB_SOCKET:-$d/hob.sock}"'
    "'"
)
_FORWARDS = ("localforward ", "remoteforward ", "dynamicforward ")
_SAYINGS: tuple[tuple[str, type[HobError], str], ...] = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        NotPermitted,
        "the host key of {host} is not the one that you know: somebody may be in between, or it was set up "
        "anew; find out which before you change known_hosts",
    ),
    (
        "Host key verification failed",
        NotPermitted,
        "the host key of {host} is not known here; log in once with ssh, compare it, then try again",
    ),
    (
        "Permission denied",
        NotPermitted,
        "{host} did not let you in; see that ssh logs in there (a key in ssh-agent, the right user)",
    ),
    (
        "Too many authentication failures",
        NotPermitted,
        "{host} did not let you in; name one key in ssh's configuration",
    ),
    ("Could not resolve hostname", DaemonUnreachable, "no machine is called {host}; see how ssh finds it"),
    (
        "remote port forwarding failed",
        DaemonUnreachable,
        "{host} could not be forwarded; see what ssh does there",
    ),
    ("prohibited", NotPermitted, "{host} forbids forwarding; its sshd needs AllowStreamLocalForwarding"),
    (
        "unix_listener",
        DaemonUnreachable,
        "ssh could not make its socket for {host}; see that your runtime directory can be written",
    ),
    (
        "ad configuration option",
        DaemonUnreachable,
        "this ssh is too old for {host}; OpenSSH 7.8 or newer is needed",
    ),
    ("Connection refused", DaemonUnreachable, "{host} takes no ssh connection; see that its sshd runs"),
    ("timed out", DaemonUnreachable, "{host} did not answer in time; see that it is on and within reach"),
    ("No route to host", DaemonUnreachable, "there is no way to {host} from here; see to the network"),
    ("Network is unreachable", DaemonUnreachable, "there is no way to {host} from here; see to the network"),
    (
        "open failed",
        DaemonUnreachable,
        "no daemon answers at {socket} on {host}, or its sshd forbids forwarding; start hobd there",
    ),
)


def asking(ssh: str, host: Host, *, start: bool, may_ask: bool) -> list[str]:
    """Prints where the door of the other machine is; with `start`, sees to it that somebody answers there."""
    options = (*_OPTIONS, "ClearAllForwardings=yes")
    question = _ASK % ("" if start else "--no-start")
    return [*_command(ssh, host, options, may_ask), "-T", "--", host.name, question]


def tunnelling(ssh: str, host: Host, socket: str, *, may_ask: bool) -> list[str]:
    """Forwards LOCAL_SOCKET to the other machine's socket, and does nothing else."""
    command = _command(ssh, host, (*_OPTIONS, *_FORWARDING), may_ask)
    return [*command, "-N", "-T", "-L", f"{LOCAL_SOCKET}:{socket}", "--", host.name]


def describing(ssh: str, host: Host) -> list[str]:
    """Prints the user's configuration for this host."""
    return [*_command(ssh, host, _OPTIONS, False), "-G", "--", host.name]


def forwards_of(configuration: str) -> list[str]:
    """The kinds of forwarding that the configuration would open beside ours, which could be ports."""
    lines = configuration.lower().splitlines()
    return sorted({kind.strip() for line in lines for kind in _FORWARDS if line.startswith(kind)})


def explain(said: str, host: Host, socket: str = "") -> HobError:
    """One sentence for what ssh, or somebody in its name, wrote before it gave up."""
    for words, error, sentence in _SAYINGS:
        if words in said:
            return error(sentence.format(host=host, socket=socket or "its door"))
    lines = [line for line in map(visible, said.splitlines()) if line]
    last = f" ({lines[-1][:200]})" if lines else ""
    return DaemonUnreachable(f"ssh to {host} ended{last}; see that `ssh` reaches it, then try again")


def visible(line: str) -> str:
    """What the other machine may have written, without what a terminal would obey."""
    return re.sub(r"[^\x20-\x7e]+", " ", line).strip()


def door_of(said: str) -> str | None:
    """Where the other machine says its door is; its shell may have said more."""
    lines = [line for line in said.splitlines() if line.startswith(DOOR_WORD)]
    return lines[-1].removeprefix(DOOR_WORD) if lines else None


def _command(ssh: str, host: Host, options: Sequence[str], may_ask: bool) -> list[str]:
    chosen = [*options, f"BatchMode={'no' if may_ask else 'yes'}"]
    command = [ssh, "-x", "-a", *(part for option in chosen for part in ("-o", option))]
    command += ["-l", host.user] if host.user else []
    return command + (["-p", str(host.port)] if host.port is not None else [])
