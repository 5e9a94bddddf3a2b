"""The walls of Linux: seccomp for calls, Landlock for files, in the right order, and shown to stand.

Must import fast and without third parties' code: it runs before anything that could dial out. All of it has
run where the tests run. Called through enter.py.
"""

from __future__ import annotations

from hobd.sandbox import hygiene, landlock, libraries, proof, seccomp
from hobd.sandbox.confinement import Confinement
from hobd.sandbox.syscalls import this_machine

_PRIVATE = "private (not dumpable, no core)"

be_private = hygiene.be_private


def enter_daemon() -> Confinement:
    """No network, for this process and all it starts; SandboxError if any wall does not stand.

    It can still connect to Unix sockets, to see whether another daemon answers at its door.
    """
    this_machine()
    hygiene.be_private()
    proof.refuse_network_descriptors()
    seccomp.install(seccomp.no_network(seccomp.DAEMON_DENIES))
    proof.require(proof.NO_NETWORK)
    return Confinement("no-network (seccomp)", _PRIVATE)


def forbid_connect(confinement: Confinement) -> Confinement:
    """From now on this process can only be called; for when its doors are open; or SandboxError."""
    seccomp.install(seccomp.no_calls(("connect",)))
    proof.require(proof.NO_CONNECT)
    return Confinement(*confinement.mechanisms, "no-connect (seccomp)")


def enter_worker(*, has_file_wall: bool = True, is_partial: bool = False) -> Confinement:
    """Only what it was born with: no socket, program or namespace, no file but code, or SandboxError.

    Call it while the process has one thread. Without a file wall only where the configuration says so;
    nothing else is ever left out here, whatever `is_partial` says.
    """
    this_machine()
    hygiene.be_private()
    hygiene.give_up_capabilities()
    proof.refuse_network_descriptors()
    wall = "no file wall"
    if has_file_wall:
        wall = landlock.restrict(libraries.rules())
        proof.require_file_wall()
    seccomp.install(seccomp.worker_filter())
    proof.require(proof.WORKER)
    return Confinement("no-network, no-sockets, no-exec, no-namespaces (seccomp)", wall, _PRIVATE)


def enclose(confinement: Confinement, *, closes_files: bool) -> tuple[Confinement, int]:
    """For a process that reads hostile bytes from now on: no file is opened and no memory becomes code.

    Returns the listener that is told of each refused call, and answers it: for the broker. SandboxError.
    """
    listener = seccomp.install_heard(seccomp.enclosed_filter(closes_files=closes_files))
    proof.require_heard(listener, proof.ENCLOSED if closes_files else proof.HEARD)
    closed = "no-files, no-new-code, " if closes_files else ""
    return Confinement(*confinement.mechanisms, f"{closed}no-signals (seccomp)", "tripwire"), listener
