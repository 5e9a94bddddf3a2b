"""Reads the arguments of a call, which a model wrote: any type, any size.

Must never quote a value. Used by file_tools.py, shell.py and toolbox.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hob_client.agent.values import Spec, ToolFault


def check_names(spec: Spec, arguments: Mapping[str, Any]) -> None:
    """Raises ToolFault for arguments that the tool has not, or that are missing."""
    known = spec.parameters["properties"]
    missing = [name for name in spec.parameters["required"] if name not in arguments]
    if missing or arguments.keys() - known.keys():
        fault = f"{', '.join(missing)} is missing" if missing else "there is one that it has not"
        raise ToolFault(f"the arguments of {spec.name} are {', '.join(known)}; {fault}")


def text(
    arguments: Mapping[str, Any],
    name: str,
    *,
    default: str | None = None,
    may_be_empty: bool = False,
    most: int = 1 << 20,
) -> str:
    value = arguments.get(name, default)
    if not isinstance(value, str) or len(value) > most:
        raise ToolFault(f"{name} must be text of at most {most} characters")
    if not value and not may_be_empty and default is None:
        raise ToolFault(f"{name} is empty; it must say something")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ToolFault(f"{name} is not valid Unicode; it has half of a surrogate pair")
    return value


def number(arguments: Mapping[str, Any], name: str, least: int, most: int, default: int) -> int:
    value = arguments.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ToolFault(f"{name} must be a whole number from {least} to {most}")
    return value


def flag(arguments: Mapping[str, Any], name: str) -> bool:
    value = arguments.get(name, False)
    if not isinstance(value, bool):
        raise ToolFault(f"{name} must be true or false")
    return value
