"""The doors that `hob door add` made: one file each in doors.d, beside the configuration's file.

Must leave a whole file or none, of mode 0600, and never touch the configuration that a person writes.
Read by load.py at start and at every reload; written by api/doors.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hob import address, portable

from hobd.config import doors
from hobd.errors import ConfigError

_SUFFIX = ".toml"


def folder(config: Path | None) -> Path:
    """Beside the file of the configuration, or where that would be."""
    return (config or address.config_path()).parent / "doors.d"


def files(config: Path | None) -> list[Path]:
    """In the order of their names. Raises ConfigError for a folder that cannot be read."""
    try:
        return sorted(file for file in folder(config).iterdir() if file.suffix == _SUFFIX)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError(f"{folder(config)} cannot be read ({error.strerror}); mend its mode") from None


def write(config: Path | None, door: doors.DoorSettings) -> Path:
    """Returns the file when it is whole and on disk. Raises ConfigError."""
    file = folder(config) / f"{door.name}{_SUFFIX}"
    new = file.with_suffix(".new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | portable.NO_LINK | portable.SAFELY
        with open(os.open(new, flags, 0o600), "w", encoding="utf-8") as stream:
            stream.write(to_toml(door))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written ({error.strerror}); mend its folder") from None
    return file


def remove(file: Path) -> None:
    """Raises ConfigError."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{file} cannot be removed ({error.strerror}); remove it by hand") from None


def to_toml(door: doors.DoorSettings, table: str = "") -> str:
    """As a file of its own, or as a table of a larger one."""
    return "".join(f"{line}\n" for line in _lines(doors.to_table(door), table))


def _lines(values: dict[str, Any], table: str) -> Iterator[str]:
    users = values.pop("users", {})
    if table:
        yield f"[{table}]"
    yield from (f"{key} = {_value(value)}" for key, value in values.items())
    for user, own in users.items():
        yield f"[{table + '.' if table else ''}users.{_value(user)}]"
        yield from (f"{key} = {_value(value)}" for key, value in own.items())


def _value(value: object) -> str:
    """What JSON and TOML write alike: numbers, truth, lists, and text without control characters."""
    return json.dumps(value, ensure_ascii=False)
