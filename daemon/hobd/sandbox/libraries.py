"""What a worker must still be able to open until its model is loaded: code, and the devices it computes on.

Must name nothing of the user's: no home, no temporary folder, no model. Used by linux.py.
"""

from __future__ import annotations

import os
import sys

from hobd.sandbox.landlock import DEVICE, READ, Rule

_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
#: How many processors there are and how they are grouped; what the driver of a GPU says about it.
_HARDWARE = ("/sys/devices/system/cpu", "/sys/devices/system/node", "/proc/driver/nvidia", "/sys/bus/pci")
_DEVICES = ("/dev/null", "/dev/dri", "/dev/kfd")
_NVIDIA = "nvidia"


def rules() -> list[Rule]:
    """For landlock.restrict."""
    readable = {*_SYSTEM_LIBRARIES, *_HARDWARE, *_code_paths(), *_mapped_folders()}
    devices = [*_DEVICES, *(f"/dev/{name}" for name in os.listdir("/dev") if name.startswith(_NVIDIA))]
    return [(path, READ) for path in sorted(readable)] + [(path, DEVICE) for path in devices]


def _code_paths() -> set[str]:
    """Where this interpreter finds modules; not the folder it was started in, which -I leaves out."""
    return {path for path in sys.path if os.path.isabs(path)}


def _mapped_folders() -> set[str]:
    """Where the libraries lie that are loaded already: an interpreter may be anywhere."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        paths = {line[line.index("/") :].rstrip("\n") for line in maps if "/" in line}
    return {os.path.dirname(path) for path in paths if ".so" in path}
