"""What the evidence means: each thing that is wrong, why it matters, and what mends it.

Must do no I/O: the same evidence is always judged the same. Called by commands/doctor.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from shlex import quote

from hob_cli.doctor.evidence import Evidence

_LEAST_DISK_BYTES = 1 << 30
_LEAST_MEMORY_BYTES = 1 << 30
_MANY_RESTARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`is_wrong`: hob does not do what it should; otherwise it is only worth knowing."""

    name: str
    what: str
    fix: str
    is_wrong: bool = True


def judge(seen: Evidence) -> list[Finding]:
    """Everything there is to say, what is wrong first."""
    found = [finding for check in _CHECKS for finding in check(seen)]
    return sorted(found, key=lambda finding: not finding.is_wrong)


def _door(seen: Evidence) -> Iterator[Finding]:
    folder, door = seen.door_folder, seen.door
    if not folder.is_ours:
        what = f"{folder.path} belongs to somebody else, who could answer in hobd's place"
        yield Finding(name="foreign-folder", what=what, fix="name a place of your own with HOB_SOCKET")
    elif folder.mode is not None and folder.mode & 0o077:
        what = f"{folder.path} has mode {folder.mode:04o}, so hobd will not open its door there"
        # A sticky directory is one that everybody shares, like /tmp.
        is_shared = folder.mode & 0o1000
        fix = (
            "name a place of your own with HOB_SOCKET"
            if is_shared
            else f"chmod 700 {quote(str(folder.path))}"
        )
        yield Finding(name="open-folder", what=what, fix=fix)
    if door.mode is not None and not seen.answers:
        what = f"nobody answers at {door.path}: a daemon that was killed left it behind"
        fix = "hob run starts a daemon, which takes the socket's place"
        yield Finding(name="stale-socket", what=what, fix=fix, is_wrong=False)
    if door.mode is not None and seen.answers and door.mode & 0o077:
        what = f"the socket {door.path} has mode {door.mode:04o}, so others may come in"
        yield Finding(name="open-socket", what=what, fix=f"chmod 600 {quote(str(door.path))}")


def _daemon(seen: Evidence) -> Iterator[Finding]:
    if seen.answers and seen.daemon_version is None:
        what = "something takes connections at the door and does not answer as hobd"
        yield Finding(name="mute-daemon", what=what, fix="see `hob service logs`, or end it and start hobd")
    if seen.daemon_version not in (None, seen.client_version):
        what = f"the daemon is hob {seen.daemon_version}, this client {seen.client_version}"
        fix = (
            "hob service restart"
            if seen.service_runs
            else "hob stop --daemon; the next question starts the new one"
        )
        yield Finding(name="old-daemon", what=what, fix=fix)
    if seen.confinement is not None and seen.confinement.startswith("none"):
        what = "the daemon runs without confinement, as its configuration says"
        yield Finding(
            name="unconfined", what=what, fix='set security.sandbox = "enforce" where the kernel can'
        )


def _service(seen: Evidence) -> Iterator[Finding]:
    if seen.has_service and seen.service_state is not None and seen.service_state.startswith("failed"):
        what = "the service failed and is not tried again"
        yield Finding(name="failed-service", what=what, fix="hob service logs; then hob service restart")
    if seen.service_runs and seen.num_restarts >= _MANY_RESTARTS:
        what = f"the service was restarted {seen.num_restarts} times"
        yield Finding(name="restarts", what=what, fix="hob service logs says why")


def _models(seen: Evidence) -> Iterator[Finding]:
    folder = seen.models
    if not seen.num_models:
        what = f"there is no model in {folder.path}"
        yield Finding(name="no-models", what=what, fix="put a GGUF file there")
    if folder.mode is not None and (folder.mode & 0o022 or not folder.is_ours):
        what = f"others may change the models in {folder.path}"
        fix = f"chmod go-w {quote(str(folder.path))}" if folder.is_ours else "use a directory of your own"
        yield Finding(name="writable-models", what=what, fix=fix)
    if seen.free_disk_bytes is not None and seen.free_disk_bytes < _LEAST_DISK_BYTES:
        what = f"the disk of {folder.path} has {seen.free_disk_bytes >> 20} MiB left"
        yield Finding(name="full-disk", what=what, fix="make room", is_wrong=False)


def _memory(seen: Evidence) -> Iterator[Finding]:
    if seen.available_bytes is not None and seen.available_bytes < _LEAST_MEMORY_BYTES:
        what = f"{seen.available_bytes >> 20} MiB of memory are free; most models will not fit"
        yield Finding(
            name="little-memory", what=what, fix="hob stop --all, or end other programs", is_wrong=False
        )
    if seen.has_swap:
        what = "the machine has swap, which may come to hold what workers have in memory"
        fix = "encrypt it, or run hobd as a service (`hob service install`), which does not swap"
        yield Finding(name="swap", what=what, fix=fix, is_wrong=False)


def _engine(seen: Evidence) -> Iterator[Finding]:
    if not seen.has_engine:
        yield Finding(
            name="no-engine", what="llama.cpp is not installed: no model can be loaded", fix="make setup"
        )
    if seen.engine_uses_amx:
        what = (
            "llama.cpp was compiled for AMX, of which a virtual machine may advertise what it does not allow"
        )
        fix = "if workers die of SIGSEGV or SIGILL: compile it with our options (make setup)"
        yield Finding(name="amx", what=what, fix=fix, is_wrong="hypervisor" in seen.cpu_flags)
    if seen.cpu_flags and "avx2" not in seen.cpu_flags:
        what = "the processor has no AVX2: models will be slow"
        yield Finding(name="no-avx2", what=what, fix="use small models", is_wrong=False)
    if seen.threads is not None and seen.threads > seen.num_cpus:
        what = f"engine.threads is {seen.threads} where hob may use {seen.num_cpus} processors"
        yield Finding(name="too-many-threads", what=what, fix="set engine.threads = 0")


def _gpu(seen: Evidence) -> Iterator[Finding]:
    for file, is_open in seen.gpu_files:
        if not is_open:
            what = f"you may not open {file}, so models do not use the GPU"
            yield Finding(
                name="closed-gpu", what=what, fix="join the group that owns the file, and log in again"
            )
    files = {file for file, _ in seen.gpu_files}
    if "/dev/nvidiactl" in files and not seen.has_gpu_driver:
        yield Finding(
            name="no-gpu-driver", what="the NVIDIA driver is not loaded", fix="load or reinstall it"
        )
    if seen.gpu_files and seen.has_engine and not seen.engine_uses_gpu:
        what = "there is a GPU, and llama.cpp was compiled without support for one"
        fix = "compile it with the GPU's back end"
        yield Finding(name="engine-without-gpu", what=what, fix=fix, is_wrong=False)


_CHECKS: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    _door,
    _daemon,
    _service,
    _models,
    _memory,
    _engine,
    _gpu,
)
