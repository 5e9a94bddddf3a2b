"""What a Python program reads of the file system to run at all, for those that give up the rest.

Must hold no folder of the user's own. Used by hob_gateway.confine and hob_fetch.confine.
"""

from __future__ import annotations

import sys
import sysconfig

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_SYSTEM = (
    "/usr/share/zoneinfo",
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)


def program_paths() -> list[str]:
    """The system's libraries and devices, Python's own, and what it would import from."""
    prefixes = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    return [*_LIBRARIES, *_SYSTEM, *sorted(prefixes), *filter(None, sys.path)]
