"""Writes what stands beside a model, `NAME.toml`, as the daemon reads it.

Must leave what a person wrote there as it is, but for the line that it is asked to change. Pure. Used by
placing.py and by `hob models alias`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hob_client.errors import InvalidRequest

MAX_LINE = 200
MAX_ALIASES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    sha256: str
    license: str = ""
    source: str = ""
    aliases: tuple[str, ...] = ()


def render(sidecar: Sidecar) -> str:
    """Its text. Lines from strangers are made fit: printable, and no longer than the daemon takes them."""
    lines = [f'sha256 = "{sidecar.sha256}"']
    for key, value in (("license", sidecar.license), ("source", sidecar.source)):
        if line := fit(value):
            lines.append(f"{key} = {_quoted(line)}")
    if sidecar.aliases:
        lines.append(_aliases_line(sidecar.aliases))
    return "\n".join(lines) + "\n"


def read_aliases(text: str) -> tuple[str, ...]:
    """Raises InvalidRequest for what is no sidecar."""
    found = _parsed(text).get("aliases", [])
    if not isinstance(found, list) or not all(isinstance(alias, str) for alias in found):
        raise InvalidRequest("its aliases are no list of texts; mend the sidecar by hand")
    return tuple(found)


def recorded_sha256(text: str) -> str:
    found = _parsed(text).get("sha256", "")
    return found if isinstance(found, str) else ""


def with_aliases(text: str, aliases: Sequence[str]) -> str:
    """The same text with other aliases; comments and order stay. Raises InvalidRequest."""
    for alias in aliases:
        if alias != fit(alias) or not alias:
            raise InvalidRequest(f"an alias is a printable line of 1 to {MAX_LINE} letters; shorten it")
    if len(aliases) > MAX_ALIASES:
        raise InvalidRequest(f"a model may have {MAX_ALIASES} aliases, not {len(aliases)}; remove one first")
    new = "".join(_replaced(text, _aliases_line(aliases)))
    if _parsed(new) != {**_parsed(text), "aliases": list(aliases)}:
        raise InvalidRequest("its sidecar is written in a way that is not understood; change it by hand")
    return new


def fit(text: str) -> str:
    """One printable line of bounded length."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:MAX_LINE].strip()


def _replaced(text: str, line: str) -> Iterator[str]:
    """The old statement may go over several lines: it ends where what was read of it is TOML."""
    statement, is_done = "", False
    for old in text.splitlines(keepends=True):
        if not statement and not is_done and old.partition("=")[0].strip() == "aliases":
            statement = old
        elif statement:
            statement += old
        else:
            yield old
            continue
        if _is_toml(statement):
            yield line + "\n"
            statement, is_done = "", True
    if not is_done:
        yield "" if not text or text.endswith("\n") else "\n"
        yield line + "\n"


def _parsed(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise InvalidRequest("its sidecar is no TOML; mend it by hand") from None


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _aliases_line(aliases: Sequence[str]) -> str:
    return f"aliases = [{', '.join(_quoted(alias) for alias in aliases)}]"


def _quoted(text: str) -> str:
    """JSON's strings are TOML's, for printable text."""
    return json.dumps(text, ensure_ascii=False)
