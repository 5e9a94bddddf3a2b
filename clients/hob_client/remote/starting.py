"""Starts the keeper of a link in the background, and ends it.

Must not return before the link is up, or the keeper has said why it is not. Called by `hob link`.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

from hob_client.errors import BY_CODE, DaemonUnreachable, HobError
from hob_client.remote import links
from hob_client.remote.links import Link

_START_SECONDS = 120.0
_END_SECONDS = 15.0
_POLL_SECONDS = 0.02
_MOST_LINE_BYTES = 4096


def start(name: str) -> Link:
    """Raises HobError with the keeper's own sentence. A link that is up already stays as it is."""
    link = links.look(name)
    if link.state != "down":
        return link
    ready, told = os.pipe()
    quiet = subprocess.DEVNULL
    try:
        subprocess.Popen(
            [sys.executable, "-I", "-m", "hob_client.remote.keeper", name, str(told)],
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            pass_fds=(told,),
            start_new_session=True,
        ).returncode = 0  # it outlives us by design
    finally:
        os.close(told)
    with os.fdopen(ready, "rb") as pipe:
        line = b"timeout"
        if select.select([pipe], [], [], _START_SECONDS)[0]:
            line = pipe.readline(_MOST_LINE_BYTES)
    if line != b"ready\n":
        raise _failure(name, line.decode(errors="replace").strip())
    return links.look(name)


def stop(name: str) -> bool:
    """Whether a link was kept. Returns when it is down."""
    link = links.look(name)
    if link.pid is None:
        return link.state != "down"
    os.kill(link.pid, signal.SIGTERM)
    deadline = time.monotonic() + _END_SECONDS
    while links.look(name).state != "down":
        if time.monotonic() > deadline:
            raise HobError(f"the keeper of {name}, process {link.pid}, does not end; look what it does")
        time.sleep(_POLL_SECONDS)
    return True


def _failure(name: str, line: str) -> HobError:
    word, _, rest = line.partition(" ")
    code, _, message = rest.partition(" ")
    if word == "error" and code in BY_CODE:
        return BY_CODE[code](message)
    if word == "error":
        return DaemonUnreachable(message)
    return DaemonUnreachable(f"the link {name} did not come up in time; `hob link status {name}` may say why")
