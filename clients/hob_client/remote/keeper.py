"""The process that keeps one link up: dials, waits until it is cut, and dials again, ever more slowly.

Must ask the offline switch before each dial and now and then, hold the link's lock for its life, and end with
its tunnel. Run as `python -m hob_client.remote.keeper NAME READY_FD`, by starting.py.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from typing import Any, NoReturn

from hob_client.errors import HobError
from hob_client.network import require_online_here, require_still_online
from hob_client.remote import links
from hob_client.remote.host import Host
from hob_client.remote.links import Link
from hob_client.remote.tunnel import Tunnel

_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 1.0, 60.0
#: A link that held for so long was well: the next dial comes soon.
_WELL_SECONDS = 60.0
#: How soon a link follows the offline switch.
_LOOK_SECONDS = 30.0
_PURPOSE = "keeping a link to another machine"


def pause_seconds(num_failures: int) -> float:
    """How long to wait before the next dial."""
    return min(_LAST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(num_failures - 1, 16))


class Keeper:
    """`run` until a signal ends it; `told` hears of the first dial's end."""

    def __init__(
        self, name: str, host: Host, told: int | None = None, *, tunnel: Tunnel | None = None
    ) -> None:
        self._link = Link(name=name, host=str(host), pid=os.getpid(), state="connecting")
        self._tunnel = tunnel or Tunnel(host, links.folder_of(name), may_ask=False)
        self._told = told

    def run(self) -> None:
        """Raises HobError if the first dial does not succeed: somebody waits, and should know."""
        try:
            with links.keeping(self._link.name):
                self._dial()
                while True:
                    self._hold()
                    self._dial_again()
        except HobError as error:
            self._tell(f"error {error.code} {error.message}")
            raise
        finally:
            self._tunnel.close()

    def _dial(self) -> None:
        self._set(state="connecting", problem="")
        require_online_here(_PURPOSE)
        self._tunnel.open()
        self._set(state="up")
        self._tell("ready")

    def _hold(self) -> None:
        """Until the connection is lost. Raises Offline once the switch says so."""
        began = time.monotonic()
        while (problem := self._tunnel.wait(_LOOK_SECONDS)) is None:
            require_still_online(_PURPOSE)
        was_well = time.monotonic() - began > _WELL_SECONDS
        self._failed(problem, 1 if was_well else self._link.num_failures + 1)

    def _dial_again(self) -> None:
        while True:
            time.sleep(pause_seconds(self._link.num_failures))
            try:
                return self._dial()
            except HobError as problem:
                self._failed(problem, self._link.num_failures + 1)

    def _failed(self, problem: HobError, num_failures: int) -> None:
        self._set(state="waiting", problem=problem.message[:300], num_failures=num_failures)

    def _set(self, **changes: Any) -> None:
        self._link = replace(self._link, **changes)
        links.tell(self._link)

    def _tell(self, line: str) -> None:
        if self._told is not None:
            with os.fdopen(self._told, "w") as told:
                told.write(line + "\n")
            self._told = None


def _end(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows clears up
    raise SystemExit(0)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, _end)
    name, told = arguments
    try:
        Keeper(name, links.find(name), int(told)).run()
    except HobError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
