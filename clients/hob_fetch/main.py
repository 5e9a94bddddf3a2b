"""The program that dials out: makes a plan of a source, waits to be told to go on, and fetches.

Must ask the switch before it dials, and put what it fetched nowhere but into one folder, where whoever
started it checks it. Called by __main__.py; started by `hob pull`.

Told on stdout, one JSON object a line: plan, progress, note, arrived, done, error. After the plan it reads a
line: "go", or nothing more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hob_client.client import Client
from hob_client.network import require_online

from hob_fetch import confine, huggingface, package, plain, registry, unpacking
from hob_fetch.download import Download, full_disk
from hob_fetch.failures import HobError, InvalidRequest, Passing
from hob_fetch.patience import Patience
from hob_fetch.plan import Item, Plan
from hob_fetch.settings import Settings, read_settings
from hob_fetch.short_names import held_to, look_up, short_names
from hob_fetch.source_text import Source, read_source
from hob_fetch.web import Web

_PURPOSE = "downloading a model"
_PROGRESS_SECONDS = 0.2


def run(arguments: Sequence[str]) -> int:
    """One fetch; its exit code. Errors are told as an event."""
    try:
        options = _options(arguments)
        if options.list:
            _tell(event="short_names", names=[_listed(short) for short in short_names().values()])
            return 0
        _fetch(options)
        return 0
    except HobError as error:
        _tell(event="error", code=error.code, message=error.message)
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    except Exception as error:
        if os.environ.get("HOB_DEBUG") == "1":
            traceback.print_exception(error)
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {os.path.basename(last.filename)} line {last.lineno}"
        _tell(
            event="error", code="internal", message=f"this is a bug of hob_fetch ({place}); please report it"
        )
    return 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hob_fetch", description=__doc__)
    parser.add_argument("source", nargs="?", default="")
    parser.add_argument("--socket", help="The daemon's socket, whose switch is asked.")
    parser.add_argument("--into", type=Path, help="The folder that parts are written to.")
    parser.add_argument("--list", action="store_true", help="Tell the short names, and nothing else.")
    options = parser.parse_args(arguments)
    if not options.list and not (options.source and options.socket and options.into):
        parser.error("a source, --socket and --into are wanted; `hob pull` knows them")
    return options


def _fetch(options: argparse.Namespace) -> None:
    source, settings = read_source(options.source), read_settings(os.environ)
    folder = options.into.resolve(strict=True)
    _tell(event="confined", text=confine.enter(folder, os.environ))
    with Client(options.socket, start=False) as client:
        require_online(_PURPOSE, client)
    web = Web(settings.tokens)
    try:
        plan = _plan(source, web, settings)
        _tell(**plan.event())
        if sys.stdin.readline().strip() != "go":
            return
        for index, item in enumerate(plan.items):
            _bring(web, item, folder, index)
        _tell(event="done")
    finally:
        web.close()


def _plan(source: Source, web: Web, settings: Settings) -> Plan:
    try:
        return Patience(tell=_say_wait).run(lambda: make_plan(source, web, settings))
    except Passing as error:
        raise Passing(f"{error.message}; is this machine online? Try again later") from None


def make_plan(source: Source, web: Web, settings: Settings) -> Plan:
    """What the source's publisher has. Raises HobError."""
    if source.scheme == "short":
        short = look_up(source.place)
        return held_to(short, make_plan(read_source(short.source), web, settings))
    if source.scheme == "url":
        return plain.plan(source)
    makers: dict[str, Callable[[Source, Web, Settings], Plan]] = {
        "hf": huggingface.plan,
        "ollama": registry.plan,
        "oci": registry.plan,
        "package": package.plan,
    }
    return makers[source.scheme](source, web, settings)


def _bring(web: Web, item: Item, folder: Path, index: int) -> None:
    download = Download(web, item, folder, progress=_Teller(index), tell=_say_wait)
    try:
        fetched = download.run()
    except Passing as error:
        raise InvalidRequest(f"{error.message}; pull it again, and it goes on where it stopped") from None
    size_bytes = fetched.size_bytes
    if item.member:
        unpacking.require_digest(download.path, item.sha256)
        with full_disk(folder):
            size_bytes = unpacking.unpack(download.path, item.member, folder / item.part)
        download.path.unlink()
    _tell(
        event="arrived",
        file=index,
        part=item.part,
        size_bytes=size_bytes,
        resumed=fetched.was_resumed,
    )


class _Teller:
    """Progress, a few times a second, and at the end."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PROGRESS_SECONDS
            _tell(event="progress", file=self._index, done_bytes=done, total_bytes=total)


def _say_wait(message: str, seconds: float) -> None:
    _tell(event="note", text=f"{message}; trying again in {seconds:.0f} s")


def _listed(short: Any) -> dict[str, str]:
    return {"name": short.name, "source": short.source, "license": short.license, "about": short.about}


def _tell(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
