"""`hob-update-check`: asks one host, once, which version of hob is the newest.

Must tell that host the family of the system and hob's version, and nothing else; must be run by a person or
by what a person set up, never by the daemon. Started by `hob version --check`, or by a timer of the user's.

The host is `updates` in [mirrors] of fetch.toml; there is none by itself. It answers {"version": "1.2.3"}.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hob.version import VERSION
from hob_client.client import Client
from hob_client.network import require_online
from hob_client.socket_path import resolve

from hob_fetch import confine
from hob_fetch.failures import HobError, ModelUnusable, NotPermitted
from hob_fetch.settings import UPDATES, read_settings
from hob_fetch.web import Web

_PURPOSE = "looking for a newer version"
_PATH = "/latest.json"
_MOST_BYTES = 4096
_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`newest` as the host says; `ours` as it is here."""

    newest: str
    ours: str = VERSION

    @property
    def is_newer(self) -> bool:
        return _numbers(self.newest) > _numbers(self.ours)


def main() -> None:
    """The console script. Ends with 0 whether there is a newer version or not, else with 9 or 1."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="hob-update-check", description="Ask for newer versions of hob.")
    parser.add_argument("--socket", help="The daemon's socket, whose switches are asked.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    options = parser.parse_args(arguments)
    try:
        release = look(resolve(options.socket))
    except HobError as error:
        print(f"hob: {error.message}", file=sys.stderr)
        return 9 if isinstance(error, NotPermitted) else 1
    if options.json:
        print(json.dumps({"version": release.ours, "newest": release.newest, "is_newer": release.is_newer}))
    else:
        print(f"hob {release.newest} is out" if release.is_newer else f"hob {release.ours} is the newest")
    return 0


def look(socket: str) -> Release:
    """Asks the switches, then the host. Raises HobError."""
    host = read_settings(os.environ).base(UPDATES)
    confine.enter(None, os.environ)
    with Client(socket, start=False) as client:
        require_online(_PURPOSE, client)
        _require_wanted(client)
    web = Web({})
    try:
        told = web.json(
            f"{host}{_PATH}", {"User-Agent": f"hob/{VERSION} ({platform.system()})"}, most=_MOST_BYTES
        )
    finally:
        web.close()
    return Release(newest=_newest(told))


def _require_wanted(client: Client) -> None:
    """It is off unless somebody turned it on: being online is no wish to be counted."""
    if not any(wire.name == "update_check" and wire.state == "on" for wire in client.wires().wires):
        raise NotPermitted(
            f"{_PURPOSE} is off; set network.update_check = true in hob's configuration if you want it"
        )


def _newest(told: object) -> str:
    version = told.get("version") if isinstance(told, dict) else None
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ModelUnusable(
            "the host does not say which version is the newest; check [mirrors] in fetch.toml"
        )
    return version


def _numbers(version: str) -> tuple[int, ...]:
    """1.2 and 1.2.0 are one."""
    numbers = [int(part) for part in version.split(".")]
    return (*numbers, *(0,) * (4 - len(numbers)))


if __name__ == "__main__":
    main()
