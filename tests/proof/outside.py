"""A network of its own whose only way out ends here: whatever would leave the machine is read and counted.

Must run in a network namespace that nobody else has, as its root. Used by packets.py, inside.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_NAME = "outside"
# What a kernel says by itself where there is IPv6: to its neighbours and routers, about groups.
_ICMP6, _HOP_BY_HOP, _OF_THE_KERNEL = 58, 0, {130, 131, 132, 133, 135, 136, 143}


class Outside:
    """Everything has a route, and all routes lead into `packets`."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        request = struct.pack("16sH22x", _NAME.encode(), _IFF_TUN | _IFF_NO_PI)
        fcntl.ioctl(self._fd, _TUNSETIFF, request)
        for words in (
            "link set lo up",
            f"link set {_NAME} up",
            f"addr add 10.99.0.1/24 dev {_NAME}",
            f"route add default dev {_NAME}",
            f"-6 addr add fd99::1/64 dev {_NAME} nodad",
            f"-6 route add default dev {_NAME}",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            packet = os.read(self._fd, 65536)
            if not _is_the_kernels(packet):
                self.packets.append(packet)

    def catches(self, leak: Callable[[], None]) -> bool:
        """Whether a leak is seen, on its way out or on the loopback."""
        num_before, loops = len(self.packets), loopback_packets()
        leak()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if len(self.packets) > num_before or loopback_packets() > loops:
                return True
            time.sleep(0.01)
        return False


def loopback_packets() -> int:
    """Sent so far. From /proc, which is of this namespace; /sys is of the one it was mounted in."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    return next(int(line.split()[10]) for line in lines if line.strip().startswith("lo:"))


def _is_the_kernels(packet: bytes) -> bool:
    if packet[:1] and packet[0] >> 4 != 6:
        return False
    is_grouped = packet[6:7] == bytes([_HOP_BY_HOP])
    return is_grouped or (packet[6] == _ICMP6 and packet[40] in _OF_THE_KERNEL)


def _udp(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"leak", (address, 53))


def _tcp(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as sender:
        sender.setblocking(False)
        sender.connect_ex((address, 443))
        time.sleep(0.1)


#: What each would look like. Documentation addresses: nobody has them.
LEAKS: dict[str, Callable[[], None]] = {
    "UDP": lambda: _udp(socket.AF_INET, "192.0.2.1"),
    "UDP over IPv6": lambda: _udp(socket.AF_INET6, "2001:db8::1"),
    "TCP": lambda: _tcp(socket.AF_INET, "192.0.2.1"),
    "TCP over IPv6": lambda: _tcp(socket.AF_INET6, "2001:db8::1"),
    "UDP to the loopback": lambda: _udp(socket.AF_INET, "127.0.0.1"),
}
