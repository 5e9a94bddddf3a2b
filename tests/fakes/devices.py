"""Memory that a test made up.

Must promise what broker/devices.py's Devices does. Used by tests of what reads it.
"""

from __future__ import annotations

from hobd.broker.account import RAM
from hobd.broker.devices import Device, DeviceKind, budget
from hobd.config import Config


class FakeDevices:
    """So many bytes of main memory, and GPUs of these sizes; `used` of each is taken."""

    def __init__(self, ram: int, *gpus: int, used: int = 0) -> None:
        sizes = {RAM: ram} | {f"gpu{number}": size for number, size in enumerate(gpus)}
        self._devices = tuple(
            Device(
                name=name,
                kind=DeviceKind.RAM if name == RAM else DeviceKind.GPU,
                total_bytes=size,
                free_bytes=size - used,
            )
            for name, size in sizes.items()
        )

    def read(self) -> tuple[Device, ...]:
        return self._devices

    def budget(self, config: Config) -> dict[str, int]:
        return budget(config, self.read())
