"""Everything that could touch a network: what of it there is in this build, and how that is known.

Must list a layer before it exists, as absent, and must tell nothing that was not looked at: a program that
is installed is "off" while offline. Called by api/control.py on a thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from hobd.broker import observing
from hobd.config import Config
from hobd.sandbox import selftest
from hobd.sandbox.selftest import Finding

State = Literal["absent", "off", "on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    name: str
    state: State
    reaches: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What would do it: a program of its own, since neither the daemon nor a worker can."""

    name: str
    program: str  # "": nothing of hob's does this, or ever will without a program that is listed then
    reaches: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A client that runs as `python -m NAME`, and can do nothing while no process does."""

    name: str
    module: str
    needs: str  # without which it cannot run
    reaches: str


PACKAGES = (
    Package(
        name="http_gateway",
        module="hob_gateway",
        needs="hob_gateway",
        reaches="programs on this machine, at one address; a network only with --lan, which asks the switch",
    ),
    Package(
        name="model_downloads",
        module="hob_fetch",
        needs="httpx",
        reaches="the host that `hob pull` names, and where that sends it by https; it asks the switch",
    ),
    Package(
        name="editors",
        module="hob_editors.lsp",
        needs="pygls",
        reaches="no network: an editor talks to it over pipes, and it asks a door",
    ),
)
_TUNNEL = "hob-tunnel"  # what clients call the process that guards an ssh of theirs
#: Each is a program that the user runs, with the user's rights; none is a part of the daemon.
LAYERS = (
    Layer(
        name="update_check",
        program="hob-update-check",
        reaches="one host; it is told the family of your system and hob's version, and nothing else",
    ),
    Layer(name="agent_tools", program="hob", reaches="what the commands reach that you allow (`hob tools`)"),
    Layer(name="mcp_servers", program="hob", reaches="what the servers reach that you name (`hob tools`)"),
    Layer(name="telemetry", program="", reaches="nothing: there is none, and no setting for it"),
)


def wires(config: Config, pid: int, bin_dir: Path | None = None) -> list[Wire]:
    """The daemon itself first. `bin_dir`: where hob's programs are installed."""
    folder = bin_dir or Path(sys.executable).parent
    packages = (_package(package) for package in PACKAGES)
    found = [_daemon(pid), _workers(), *packages, _remote_link()]
    return found + [_layer(layer, folder, config) for layer in LAYERS]


def _daemon(pid: int) -> Wire:
    """Its own sockets, as the kernel lists them: what it holds counts, not what it means to do."""
    home = Path(f"/proc/{pid}")
    try:
        tables, sockets = observing.network_inodes(home), observing.socket_inodes(home)
    except OSError as error:
        return Wire(
            name="daemon", state="on", reaches="unknown", evidence=f"/proc cannot be read ({error.strerror})"
        )
    ours = [tables[inode] for inode in sockets if inode in tables]
    told = f"{len(sockets)} sockets open, all Unix; the machine's {len(tables)} network sockets are others'"
    if ours:
        told = f"network sockets open: {', '.join(sorted(ours))}"
    walls = _network_sockets()
    is_open = bool(ours) or not walls.held
    told = f"{told}; making one is {walls.observed}"
    reaches = "nothing: the kernel refuses it network sockets" if not is_open else "what you may reach"
    return Wire(name="daemon", state="on" if is_open else "off", reaches=reaches, evidence=told)


def _network_sockets() -> Finding:
    """What this process is told when it tries to make one."""
    return next(each for each in selftest.run(("no_network_sockets",)))


def _workers() -> Wire:
    """They are born behind the daemon's walls, and add their own."""
    walls = _network_sockets()
    return Wire(
        name="workers",
        state="off" if walls.held else "on",
        reaches="nothing: the kernel refuses them sockets" if walls.held else "what you may reach",
        evidence=f"born behind the daemon's walls ({walls.observed}); `hob attest` has each try its own",
    )


def _package(package: Package, proc: Path = observing.PROC) -> Wire:
    """On while one of this user's runs. The gateway reaches its door alone; who reaches it is what counts."""
    name, reaches = package.name, package.reaches
    for needed in (package.module, package.needs):
        if find_spec(needed) is None:
            return Wire(name=name, state="absent", reaches=reaches, evidence=f"no {needed} here")
    running = sorted(observing.running_modules(package.module, proc))
    told = ", ".join(f"process {pid} runs it" for pid in running) or "no process of yours runs it"
    return Wire(name=name, state="on" if running else "off", reaches=reaches, evidence=told)


def _remote_link(proc: Path = observing.PROC) -> Wire:
    """On while ssh runs for hob: for a link that is kept, or for one command with --host."""
    reaches = "machines that you name, over your own ssh; each dial asks the switch"
    running = sorted(observing.running_named(_TUNNEL, proc))
    told = (
        ", ".join(f"process {pid} holds a tunnel" for pid in running) or "no process of yours holds a tunnel"
    )
    return Wire(name="remote_link", state="on" if running else "off", reaches=reaches, evidence=told)


def _layer(layer: Layer, folder: Path, config: Config) -> Wire:
    if not layer.program:
        return Wire(
            name=layer.name, state="absent", reaches=layer.reaches, evidence="no program of hob's does this"
        )
    program = folder / layer.program
    if not os.path.lexists(program):
        told = f"no program {layer.program} in {folder}"
        return Wire(name=layer.name, state="absent", reaches=layer.reaches, evidence=told)
    switches = _switches(layer, config)
    told = ", ".join(f"{key} = {str(value).lower()}" for key, value in switches.items())
    is_off = config.network.offline or not all(value for key, value in switches.items() if key != _OFFLINE)
    return Wire(
        name=layer.name,
        state="off" if is_off else "on",
        reaches=layer.reaches,
        evidence=f"{program} is installed; {told}",
    )


_OFFLINE = "network.offline"


def _switches(layer: Layer, config: Config) -> Mapping[str, bool]:
    """The settings that the layer's program must ask for."""
    switches = {_OFFLINE: config.network.offline}
    if layer.name == "update_check":
        switches["network.update_check"] = config.network.update_check
    return switches
