"""Puts the configuration together: the system's policy over flags over environment over file over defaults.

Must turn every mistake into a ConfigError that names the place, the key and what it may be.
Called by main.py at start and at every reload.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from hob import address

from hobd.config import door_files
from hobd.config.doors import DoorSettings
from hobd.config.doors import settings as door_settings
from hobd.config.keys import Key, Value, all_keys, sections
from hobd.config.lines import find_line
from hobd.config.schema import Config
from hobd.errors import ConfigError

#: What someone set: where they did, the key, and the value as found.
Setting = tuple[str, Key, object]

#: The administrator's word, for every user of the machine. It may hold any key.
SYSTEM_POLICY = Path("/etc/hob/policy.toml")
_ROOT = 0
_ADDRESSES = frozenset({"HOB_SOCKET", "HOB_CONFIG"})  # places, not settings: hob.address reads them
_MAX_SHOWN_CHARACTERS = 60
_DOORS = "doors"


def config_file(named: str | None) -> Path | None:
    """What to load: the file named by flag or HOB_CONFIG, which must exist, or the usual one if it does."""
    if named:
        return Path(named)
    usual = address.config_path()
    return usual if os.environ.get("HOB_CONFIG") or usual.exists() else None


def load(
    path: Path | None, environ: Mapping[str, str], overrides: Sequence[str], system: Path = SYSTEM_POLICY
) -> Config:
    """All settings, checked; ConfigError for the first mistake. Each of `overrides` is section.key=value.

    What the administrator wrote into `system` wins over all else.
    """
    values: dict[str, dict[str, Value]] = {section: {} for section in sections()}
    for where, key, found in _settings(path, environ, overrides, system):
        values[key.section][key.name] = _checked(where, key, found)
    doors = _doors_from_file(path) + _doors_from_folder(path)
    for index, door in enumerate(doors):
        if other := next((other for other in doors[:index] if other.name == door.name), None):
            raise ConfigError(
                f"{door.source}: door {door.name} is in {other.source} already; keep one of them"
            )
    return msgspec.structs.replace(msgspec.convert(values, Config), doors=tuple(doors))


def decided_by(
    dotted: str,
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Sequence[str],
    system: Path = SYSTEM_POLICY,
) -> str:
    """What set a key: a file and its line, a variable, a flag, or "default"."""
    places = ["default"]
    places += [where for where, key, _ in _settings(path, environ, overrides, system) if key.dotted == dotted]
    return places[-1]


def _settings(
    path: Path | None, environ: Mapping[str, str], overrides: Sequence[str], system: Path
) -> Iterator[Setting]:
    """The last one of a key counts."""
    yield from _from_file(path)
    yield from _from_environment(environ)
    yield from _from_flags(overrides)
    if _is_there(system):
        _require_of_root(system)
        yield from _from_file(system)


def _is_there(path: Path) -> bool:
    """A policy that cannot be read counts, since it might say anything."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{path}: cannot be looked at ({error.strerror}); let everybody read it") from None
    return True


def _require_of_root(path: Path) -> None:
    """A policy that others could write would be theirs."""
    for each in (path, path.parent):
        found = each.stat()
        if found.st_uid != _ROOT or found.st_mode & 0o022:
            raise ConfigError(
                f"{each}: must belong to root and be writable by nobody else; chown root and chmod go-w it"
            )


# ------------------------------------------------------------------ the file


def _from_file(path: Path | None) -> Iterator[Setting]:
    if path is None:
        return
    text = _read(path)
    for section, table in _parse(path, text).items():
        if section == _DOORS:
            continue
        if section not in sections() or not isinstance(table, dict):
            raise _not_in_a_section(_place(path, text, section), section)
        for name, found in table.items():
            where = _place(path, text, section, name)
            yield where, _key(where, f"{section}.{name}"), found


def _doors_from_file(path: Path | None) -> list[DoorSettings]:
    """The tables [doors.NAME]."""
    if path is None:
        return []
    text = _read(path)
    tables = _parse(path, text).get(_DOORS, {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigError(
            f"{_place(path, text, _DOORS)}: doors are tables; write [doors.NAME] above their keys"
        )
    return [
        door_settings(_place(path, text, _DOORS, name), name, table, source=str(path))
        for name, table in tables.items()
    ]


def _doors_from_folder(path: Path | None) -> list[DoorSettings]:
    """A door in each file, called what the file is called."""
    return [
        door_settings(str(file), file.stem, _parse(file, _read(file)), source=str(file))
        for file in door_files.files(path)
    ]


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: could not be read ({error.strerror}); name another file or none"
        ) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # 13 ms that a start without a file is spared

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply; write sections of plain values only") from None
    except ValueError as error:  # tomllib's own, or Python's of an integer of more than 4300 digits
        raise _not_toml(path, text, str(error)) from None


def _not_toml(path: Path, text: str, reason: str) -> ConfigError:
    complaint, _, position = reason.partition(" (at ")
    line = position.removeprefix("line ").partition(",")[0]
    if not line.isdecimal():  # "(at end of document)"
        line = str(text.count("\n") + 1)
    return ConfigError(
        f"{path}:{line}: not valid TOML ({complaint[:1].lower()}{complaint[1:]}); mend the line"
    )


def _place(path: Path, text: str, *names: str) -> str:
    line = find_line(text, names)
    return f"{path}:{line}" if line else str(path)


def _not_in_a_section(where: str, name: str) -> ConfigError:
    """What stands at the top of the file is no section: perhaps one mistyped, perhaps a key without one."""
    if name in sections():
        return ConfigError(f"{where}: {name} is a section; write [{name}] above its keys")
    owners = [key.dotted for key in all_keys().values() if key.name == name]
    return _unknown(where, name, owners[0] if owners else name, owners or sections())


# ------------------------------------------------------------------ variables and flags


def _from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Variables of a section that exists. Others that begin with HOB_ may be some client's."""
    by_variable = {key.variable: key for key in all_keys().values()}
    for variable in sorted(environ):
        prefix, _, rest = variable.partition("_")
        section, _, name = rest.lower().partition("_")
        if prefix != "HOB" or section not in sections() or variable in _ADDRESSES:
            continue
        if variable not in by_variable:
            raise _unknown(variable, f"{section}.{name}", variable, by_variable)
        key = by_variable[variable]
        yield variable, key, key.from_text(environ[variable])


def _from_flags(overrides: Sequence[str]) -> Iterator[Setting]:
    for override in overrides:
        dotted, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"--set {override}: must have the form section.key=value; write it so")
        where = f"--set {dotted}"
        key = _key(where, dotted)
        yield where, key, key.from_text(text)


# ------------------------------------------------------------------ wherever they came from


def _key(where: str, dotted: str) -> Key:
    try:
        return all_keys()[dotted]
    except KeyError:
        raise _unknown(where, dotted, dotted, all_keys()) from None


def _checked(where: str, key: Key, found: object) -> Value:
    if not key.accepts(found):
        raise ConfigError(f"{where}: {key.dotted} must be {key.expectation}, not {_shown(found)}")
    assert isinstance(found, int | str)
    if key.dotted == "models.dir" and found and not os.path.isabs(os.path.expanduser(str(found))):
        raise ConfigError(f"{where}: models.dir must be an absolute path or one below ~, not {_shown(found)}")
    return found


def _unknown(where: str, name: str, wanted: str, known: Iterable[str]) -> ConfigError:
    from difflib import get_close_matches  # 6 ms, only ever needed once, on the way out

    close = get_close_matches(wanted, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "`hobd --print-config` lists them all"
    return ConfigError(f"{where}: unknown key {name}; {hint}")


def _shown(value: object) -> str:
    """As TOML would write it, cut to a length that keeps the sentence one."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # Python prints no integer of more than 4300 digits
        return "a number of thousands of digits"
    if len(text) > _MAX_SHOWN_CHARACTERS:
        text = f"{text[:_MAX_SHOWN_CHARACTERS]}..."
    return text.encode("utf-8", "backslashreplace").decode()  # a variable can hold what no terminal takes
