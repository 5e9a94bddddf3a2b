"""Writes a configuration as the TOML file that would give it, every key explained.

Must round-trip: loading what it wrote gives the same configuration.
Called for --print-config.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hobd.config import door_files
from hobd.config.keys import Key, all_keys, sections
from hobd.config.schema import Config, Section


def to_toml(config: Config) -> str:
    return "\n".join(_lines(config)) + "\n"


def _lines(config: Config) -> Iterator[str]:
    yield "# hobd's configuration. Each key is also a flag, `hobd --set section.key=value`, and a variable,"
    yield "# HOB_SECTION_KEY. Flags win over variables, variables over this file."
    for name, kind in sections().items():
        section: Section = getattr(config, name)
        yield from ("", f"# {(kind.__doc__ or '').strip()}", f"[{name}]")
        for key in all_keys().values():
            if key.section == name:
                yield from _entry(key, getattr(section, key.name))
    for door in config.doors:
        yield from ("", *door_files.to_toml(door, f"doors.{door.name}").splitlines())


def _entry(key: Key, value: object) -> Iterator[str]:
    yield f"# {key.meta.description}"
    yield f"# Must be {key.expectation}; {_toml(key.default)} unless set."
    yield f"{key.name} = {_toml(value)}"


def _toml(value: object) -> str:
    """Numbers and printable strings are written alike in JSON and TOML."""
    return json.dumps(value, ensure_ascii=False)
