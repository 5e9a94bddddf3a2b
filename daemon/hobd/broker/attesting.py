"""The evidence that the walls stand, gathered anew for each question: by trying, by reading, from outside.

Must never say that something held which was not looked at, and must take a worker's word as no more than
that: what it leaves out did not hold. Called by api/control.py.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob import portable

from hobd.broker import machine, observing
from hobd.broker.broker import Broker
from hobd.broker.family import children
from hobd.broker.resident import Resident
from hobd.errors import HobError
from hobd.sandbox import selftest
from hobd.sandbox.selftest import Finding
from hobd.wire import attesting as wire
from hobd.wire import messages as m

# A long prompt may be on the intake's thread; then there is time for two children that do not answer.
_BEGIN_SECONDS, _ANSWER_SECONDS = 15.0, 45.0
_DAEMON, _MACHINE = "daemon", "machine"
_REMEDIES = {
    "sandbox_enforced": 'set security.sandbox = "enforce" and start the daemon again',
    "door_private": "stop the daemon, put the modes right (directory 0700, socket 0600), and start it again",
    "log_private": "chmod 600 the log, or start the daemon by `hob run`",
    "no_capabilities": "run hob as a user, not as root",
    "no_plain_swap": "encrypt swap, use zram, or set MemorySwapMax=0 for the daemon's service",
    "no_core_handler": "set fs.suid_dumpable to 0",
    "not_swapped": "encrypt swap, use zram, or set MemorySwapMax=0 for the daemon's service",
    "no_memory_in_cores": "start the daemon again; if that does not help, report it",
    "no_core_files": "start the daemon again; if that does not help, report it",
    "descriptors": "start the daemon by a program that hands no files on",
    "no_network_open": "end the daemon, and report it: no process of hob's can have made this socket",
    "answers": "ask again when the worker is less busy",
}
_TRIED, _TOLD, _SEEN = "tried", "told by the worker", "seen from outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    property: str
    subject: str
    held: bool
    observed: str
    source: str  # tried, read, told by the worker, seen from outside
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """A door, as it was meant to be."""

    name: str
    path: Path
    mode: int
    directory_mode: int = 0o700


def remedy(evidence: Evidence) -> str:
    """What to do if it did not hold; "" where only a newer hob or kernel helps."""
    if evidence.held:
        return ""
    name = "door_private" if evidence.property.startswith("door_private") else evidence.property
    return _REMEDIES.get(name, "")


class Attestor:
    """`evidence` for one question at a time: others wait."""

    def __init__(self, broker: Broker, entrances: Callable[[], Sequence[Entrance]]) -> None:
        self._broker = broker
        self._entrances = entrances
        self._sandbox = broker.config.security.sandbox  # as it was started; a reload changes nothing
        self._turn = asyncio.Lock()

    async def evidence(self) -> list[Evidence]:
        async with self._turn:
            found = list(self._of_daemon())
            own = await asyncio.to_thread(observing.observe, os.getpid())
            found += _as_evidence(_DAEMON, "read", os.getpid(), own)
            told = await asyncio.gather(*map(self._of_worker, self._broker.tenancy.residents))
            for each in told:
                found += each
            if (spare := self._broker.loading.spare.pid) is not None:
                found += await asyncio.to_thread(_family_from_outside, "spare worker", spare)
            seen = await asyncio.to_thread(machine.observe_machine)
            return found + list(_as_evidence(_MACHINE, "read", 0, seen))

    # ------------------------------------------------------------------ the daemon

    def _of_daemon(self) -> Iterator[Evidence]:
        told = f'security.sandbox = "{self._sandbox}"'
        own = [Finding("sandbox_enforced", self._sandbox == "enforce", told)]
        own += [_private(entrance) for entrance in self._entrances()]
        own.append(_log())
        yield from _as_evidence(_DAEMON, "read", os.getpid(), own)
        tried = selftest.run(selftest.DAEMON)
        # It has files of its own open: the door's lock, the journal, a model that is being loaded.
        yield from _as_evidence(
            _DAEMON, _TRIED, os.getpid(), (each for each in tried if each.property != "descriptors")
        )
        yield from _as_evidence(_DAEMON, "read", os.getpid(), [_descriptors(self._homes())])

    def _homes(self) -> list[Path]:
        """Where files that the daemon has open may lie."""
        from hob import address

        doors = [entrance.path.parent for entrance in self._entrances()]
        pressure = [Path("/proc/pressure"), Path("/sys/fs/cgroup")]  # it watches memory there
        return [*doors, address.state_dir(), self._broker.catalog.directory, *pressure]

    # ------------------------------------------------------------------ workers

    async def _of_worker(self, resident: Resident) -> list[Evidence]:
        subject, pid = f"worker {resident.model}", resident.process.pid
        seen = await asyncio.to_thread(_family_from_outside, subject, pid)
        if resident.is_leaving:
            return seen
        # The window outlasts a caller who goes: the worker has been asked all the same. It ends by itself.
        now = asyncio.get_running_loop().time()
        resident.process.attesting_until = now + _ANSWER_SECONDS
        question = m.Attest(next(self._broker.ids), int((now + _BEGIN_SECONDS) * 1000))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await resident.ask(question, m.Attested)
        except (TimeoutError, HobError) as error:
            why = str(error) or f"it said nothing for {_ANSWER_SECONDS:.0f} s"
            return [*seen, *_as_evidence(subject, _TOLD, pid, [Finding("answers", False, why)])]
        resident.process.attesting_until = 0.0
        return [*seen, *_told(subject, pid, answer.findings)]


def _told(subject: str, pid: int, findings: Sequence[wire.Finding]) -> Iterator[Evidence]:
    """What a worker says of itself and its children, and what it should have said."""
    required: dict[str, tuple[str, ...]] = {
        "worker": (*selftest.WORKER, *selftest.STATE),
        "renderer": (*selftest.CHILD, *selftest.STATE),
        "darkroom": (*selftest.CHILD, *selftest.STATE),
    }
    for process in required:
        own = [each for each in findings if each.process == process]
        if not own and process != "worker":
            continue
        name = subject if process == "worker" else f"{subject}: {process}"
        missing = sorted({*required[process]} - {each.property for each in own})
        said = [Finding(each.property, each.held, each.observed) for each in own]
        said += [Finding(property, False, "it said nothing of it") for property in missing]
        yield from _as_evidence(name, _TOLD, pid if process == "worker" else 0, said)


def _family_from_outside(subject: str, pid: int) -> list[Evidence]:
    """A worker and its children."""
    found = _from_outside(subject, pid)
    for number, child in enumerate(children(pid), start=1):
        found += _from_outside(f"{subject}: child {number}", child)
    return found


def _from_outside(subject: str, pid: int) -> list[Evidence]:
    return list(_as_evidence(subject, _SEEN, pid, observing.observe(pid)))


def _as_evidence(subject: str, source: str, pid: int, findings: Iterable[Finding]) -> Iterator[Evidence]:
    for each in findings:
        yield Evidence(
            property=each.property,
            subject=subject,
            held=each.held,
            observed=each.observed,
            source=source,
            pid=pid,
        )


# ------------------------------------------------------------------ what the daemon reads of itself


def _private(entrance: Entrance) -> Finding:
    name = f"door_private_{entrance.name}"
    if sys.platform == "win32":
        return _private_pipe(name, str(entrance.path))
    try:
        folder, door = entrance.path.parent.lstat(), entrance.path.lstat()
    except OSError as error:
        return Finding(name, False, f"{entrance.path} cannot be looked at ({error.strerror})")
    told = (
        f"directory {stat.S_IMODE(folder.st_mode):04o} of uid {folder.st_uid}, "
        f"socket {stat.S_IMODE(door.st_mode):04o} of uid {door.st_uid}"
    )
    is_tight = not stat.S_IMODE(folder.st_mode) & ~entrance.directory_mode
    is_same = stat.S_ISSOCK(door.st_mode) and stat.S_IMODE(door.st_mode) == entrance.mode
    is_ours = folder.st_uid == door.st_uid == portable.own_uid() and stat.S_ISDIR(folder.st_mode)
    return Finding(name, is_tight and is_same and is_ours, told)


def _private_pipe(name: str, pipe: str) -> Finding:
    """Windows keeps these rights and checks them; what only keeps them (Wine) looks the same."""
    from hob.windows_user import own_sid

    from hobd.wire.windows_pipe import owner_only, rights_of

    try:
        rights, wanted = rights_of(pipe), owner_only(own_sid())
    except OSError as error:
        return Finding(name, False, f"{pipe} cannot be looked at ({error.strerror})")
    return Finding(name, is_owners(rights, wanted), f"rights of the pipe: {rights[:200]}")


def is_owners(rights: str, wanted: str) -> bool:
    """Whether two texts of rights grant to the same; systems write "everything" in two ways."""
    return rights.replace(";;FA;;", ";;GA;;") == wanted


def _log() -> Finding:
    """A file that others may read holds no prompts, but times and models; a service manager's is its own."""
    if sys.platform != "linux":
        return Finding("log_private", False, f"not shown: {sys.platform} does not tell where it goes")
    try:
        found, target = os.fstat(2), os.readlink("/proc/self/fd/2")
    except OSError as error:
        return Finding("log_private", True, f"there is no log ({error.strerror})")
    if not stat.S_ISREG(found.st_mode):
        return Finding("log_private", True, f"it goes to {target[:200]}")
    mode = stat.S_IMODE(found.st_mode)
    return Finding("log_private", not mode & 0o077, f"{target[:200]}, mode {mode:04o}")


def _descriptors(homes: Sequence[Path]) -> Finding:
    """Nothing that the daemon did not open: files and folders lie where its own do, and no network."""
    if sys.platform == "win32":
        return Finding("descriptors", False, "not shown: hob does not know how to look at handles yet")
    kinds, odd = [], []
    for fd, kind in selftest.descriptors():
        kinds.append(kind)
        if kind.startswith("network") or (kind in ("file", "directory", "disk", "terminal") and fd > 2):
            place = _place(fd)
            if not any(place.is_relative_to(os.path.realpath(home)) for home in homes):
                odd.append(f"{kind} {fd}" if kind.startswith("network") else f"{kind} {place}")
    told = selftest.describe("open", kinds)
    return Finding("descriptors", not odd, (f"unexpected: {', '.join(odd)}; {told}" if odd else told)[:1000])


def _place(fd: int) -> Path:
    try:
        return Path(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        return Path("/")
