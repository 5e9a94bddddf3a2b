"""Where each kind of data is, for how long, and which setting decides: the table of `hob privacy`.

Must follow from the configuration in force and from what is seen on this machine, never from a document.
Called by api/control.py on a thread; tests hold each row to its setting.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hob import address

from hobd.broker.machine import observe_machine
from hobd.config import Config

_MEMORY = "memory of the daemon and of the model's worker"
_UNTIL_DELETED = "until you delete it"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlace:
    data: str
    place: str
    lasts: str
    is_on_disk: bool = False
    has_text: bool = False  # of prompts or answers, in plain
    setting: str = ""


def places(config: Config, journal: Path) -> list[DataPlace]:
    """`journal`: the folder of this daemon's audit, if it keeps one."""
    return [*_of_requests(), *_of_caches(config), *_of_files(config, journal), _swap()]


def _of_requests() -> Iterator[DataPlace]:
    """Python's texts cannot be overwritten: their memory is free when the request ends, and used again."""
    lasts = "until its request ends; then the memory is free, and is overwritten as it is used again"
    yield DataPlace(data="prompts", place=_MEMORY, lasts=lasts, has_text=True)
    yield DataPlace(data="answers", place=_MEMORY, lasts=lasts, has_text=True)
    yield DataPlace(
        data="images_and_sounds",
        place="memory of the worker, and of a child that decodes one and ends",
        lasts="until its request ends; what the projector made of it stays with the prefix cache",
        has_text=True,
    )
    yield DataPlace(data="receipts", place="nowhere: sent with the answer, and forgotten", lasts="-")


def _of_caches(config: Config) -> Iterator[DataPlace]:
    idle = config.models.idle_ttl_seconds
    leaves = f"it is unused for {idle} s, " if idle else ""
    yield DataPlace(
        data="prefix_cache",
        place="memory of the worker: KV cells, and the stash beside them",
        lasts=f"until its room is wanted, `hob forget`, or the model leaves: {leaves}or is stopped; "
        "nothing of --incognito requests",
        has_text=True,
        setting=f"engine.stash_mb = {config.engine.stash_mb}, models.idle_ttl_seconds = {idle}",
    )
    pool = config.memory.pool_mb
    yield DataPlace(
        data="sealed_prefixes",
        place="memory of the daemon, encrypted under a key of this start" if pool else "nowhere",
        lasts="until the model is back, `hob forget`, or the daemon ends" if pool else "-",
        setting=f"memory.pool_mb = {pool}",
    )


def _of_files(config: Config, journal: Path) -> Iterator[DataPlace]:
    state = address.state_dir()
    log, is_file = _log()
    yield DataPlace(
        data="log",
        place=log,
        lasts=_UNTIL_DELETED if is_file else "as whoever reads it keeps it",
        is_on_disk=is_file,
        setting=f'daemon.log_level = "{config.daemon.log_level}"',
    )
    audit = config.audit
    yield DataPlace(
        data="audit_journal",
        place=str(journal) if audit.enabled else "nowhere: no journal is written",
        lasts=f"{audit.num_files} files of {audit.max_file_mb} MB, the oldest goes first"
        if audit.enabled
        else "-",
        is_on_disk=audit.enabled,
        setting=f"audit.enabled = {str(audit.enabled).lower()}",
    )
    yield DataPlace(
        data="digests_of_models",
        place=str(state / "digests.json") if config.models.verify != "off" else "nowhere",
        lasts=_UNTIL_DELETED if config.models.verify != "off" else "-",
        is_on_disk=config.models.verify != "off",
        setting=f'models.verify = "{config.models.verify}"',
    )
    yield DataPlace(
        data="quirks_of_this_machine",
        place=str(state / "quirks.json"),
        lasts=_UNTIL_DELETED,
        is_on_disk=True,
    )
    yield DataPlace(
        data="measured_settings_of_models",
        place=f"{state / 'tunings.json'}: names and numbers",
        lasts="until `hob tune --forget`",
        is_on_disk=True,
    )
    yield DataPlace(
        data="models_first_used_and_quarantined",
        place=f"{state / 'pins.json'} and {state / 'quarantine.json'}: names and digests",
        lasts="until you accept another file, or release it",
        is_on_disk=True,
        setting=f'admission.first_use = "{config.admission.first_use}"',
    )
    if (gateway := state / "gateway").is_dir():
        yield DataPlace(
            data="gateway_tokens",
            place=f"{gateway}: digests of tokens, a certificate of its own, and a log without content",
            lasts="until they are revoked, and have ended",
            is_on_disk=True,
        )
    yield DataPlace(
        data="models",
        place=f"{config.models.directory()}: models, and in .incoming what of them has come so far",
        lasts="until you remove them (`hob models rm`, `hob models gc`)",
        is_on_disk=True,
    )


def _log() -> tuple[str, bool]:
    """Where it goes, and whether that is a file."""
    try:
        target = os.readlink("/proc/self/fd/2")
    except OSError:
        return "standard error", False
    return target, os.path.isfile(target)


def _swap() -> DataPlace:
    """Whatever is in memory can be swapped out, unless the system was told not to."""
    swap = next(each for each in observe_machine() if each.property == "no_plain_swap")
    return DataPlace(
        data="swap",
        place=f"parts of all that is in memory, perhaps: {swap.observed}" if not swap.held else swap.observed,
        lasts="as the system writes it over" if not swap.held else "-",
        is_on_disk=not swap.held,
        has_text=not swap.held,
    )
