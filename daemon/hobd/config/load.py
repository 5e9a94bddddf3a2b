"""Puts the configuration together: flags over environment over file over defaults.

Must turn every mistake into a ConfigError that names the place, the key and what it may be.
Called by main.py at start and at every reload.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hob import address

from hobd.config.keys import Key, Value, all_keys, sections
from hobd.config.lines import find_line
from hobd.config.schema import Config
from hobd.errors import ConfigError

#: A setting someone made: where they made it, its key, and the value as it was found.
Setting = tuple[str, Key, object]

_ADDRESSES = frozenset({"HOB_SOCKET", "HOB_CONFIG"})  # places, not settings: hob.address reads them
_MAX_SHOWN_CHARACTERS = 60


def config_file(named: str | None) -> Path | None:
    """The file to load: the one named by flag or HOB_CONFIG, which must exist, or the usual one if it does."""
    if named:
        return Path(named)
    usual = address.config_path()
    return usual if os.environ.get("HOB_CONFIG") or usual.exists() else None


def load(path: Path | None, environ: Mapping[str, str], overrides: Sequence[str]) -> Config:
    """The whole configuration; ConfigError with one sentence for the first mistake. `overrides`: section.key=value."""
    values: dict[str, dict[str, Value]] = {section: {} for section in sections()}
    for where, key, found in (*_from_file(path), *_from_environment(environ), *_from_flags(overrides)):
        values[key.section][key.name] = _checked(where, key, found)
    return Config(**{section: kind(**values[section]) for section, kind in sections().items()})


def _from_file(path: Path | None) -> Iterator[Setting]:
    if path is None:
        return
    text = _read(path)
    for section, table in _parse(path, text).items():
        if section not in sections() or not isinstance(table, dict):
            raise _unknown(_place(path, text, section), section, _near(section))
        for name, found in table.items():
            where, dotted = _place(path, text, section, name), f"{section}.{name}"
            yield where, _key(where, dotted), found


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
    except tomllib.TOMLDecodeError as error:
        complaint, _, position = str(error).partition(" (at ")
        line = position.removeprefix("line ").partition(",")[0]
        line = line if line.isdecimal() else str(text.count("\n") + 1)
        raise ConfigError(f"{path}:{line}: not valid TOML: {complaint[:1].lower()}{complaint[1:]}") from None


def _place(path: Path, text: str, *names: str) -> str:
    line = find_line(text, names)
    return f"{path}:{line}" if line else str(path)


def _from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Variables of a section that exists. Others that begin with HOB_ may be some client's."""
    by_variable = {key.variable: key for key in all_keys().values()}
    for variable in sorted(environ):
        prefix, _, rest = variable.partition("_")
        section, _, name = rest.lower().partition("_")
        if prefix != "HOB" or variable in _ADDRESSES or section not in sections():
            continue
        if variable not in by_variable:
            raise _unknown(variable, f"{section}.{name}", by_variable)
        key = by_variable[variable]
        yield variable, key, key.from_text(environ[variable])


def _from_flags(overrides: Sequence[str]) -> Iterator[Setting]:
    for override in overrides:
        dotted, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"--set {_shown(override)}: not of the form section.key=value; write it so")
        where = f"--set {dotted}"
        key = _key(where, dotted)
        yield where, key, key.from_text(text)


def _key(where: str, dotted: str) -> Key:
    try:
        return all_keys()[dotted]
    except KeyError:
        raise _unknown(where, dotted, all_keys()) from None


def _checked(where: str, key: Key, found: object) -> Value:
    if not key.accepts(found):
        raise ConfigError(f"{where}: {key.dotted} must be {key.expectation}, not {_shown(found)}")
    assert isinstance(found, int | str)
    if key.dotted == "models.dir" and found and not str(found).startswith(("/", "~")):
        raise ConfigError(
            f"{where}: models.dir must be an absolute path or begin with ~, not {_shown(found)}"
        )
    return found


def _unknown(where: str, name: str, wanted: str, known: Iterable[str]) -> ConfigError:
    from difflib import get_close_matches  # 6 ms, only ever needed once, on the way out

    close = get_close_matches(wanted, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "`hobd --print-config` lists them all"
    return ConfigError(f"{where}: unknown key {name}; {hint}")


def _not_in_a_section(where: str, name: str) -> ConfigError:
    """What stands at the top of the file is no section: perhaps one mistyped, perhaps a key without one."""
    if name in sections():
        return ConfigError(f"{where}: {name} is a section; write [{name}] above its keys")
    owners = [key.dotted for key in all_keys().values() if key.name == name]
    return _unknown(where, name, owners[0] if owners else name, owners or sections())


def _shown(value: object) -> str:
    """As TOML would write it, cut to a length that keeps the sentence one."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."
