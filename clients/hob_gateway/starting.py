"""Starts the gateway in the background, and ends it.

Must not return before it serves, or has said why it does not. Called by main.py.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from hob_client.errors import HobError, NotPermitted

from hob_gateway import places, server

LOG = "gateway.log"
START_SECONDS = 30.0
END_SECONDS = 15.0


def start(arguments: Sequence[str]) -> dict[str, Any]:
    """What `hob gateway status` tells of it. Raises HobError with its own sentence if it does not start."""
    ready, told = os.pipe()
    path = places.folder() / LOG
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        subprocess.Popen(
            [sys.executable, "-I", "-m", "hob_gateway", *arguments, "--ready-fd", str(told)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(told,),
            start_new_session=True,
            cwd="/",
        ).returncode = 0  # it outlives us by design
    finally:
        os.close(told)
        os.close(log)
    with os.fdopen(ready) as pipe:
        select.select([pipe], [], [], START_SECONDS)
        os.set_blocking(pipe.fileno(), False)
        line = pipe.readline() or ""
    if not line.startswith("ready "):
        said = path.read_text(errors="replace").strip().splitlines()
        raise HobError(said[-1].removeprefix("hob: ") if said else f"the gateway did not start; see {path}")
    return server.running()


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while server.running().get("pid") == pid:
        if time.monotonic() > deadline:
            raise NotPermitted(f"the gateway, process {pid}, does not end; look what it does, or kill it")
        time.sleep(0.02)
