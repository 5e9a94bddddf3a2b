"""What a user may configure, from whatever an editor sends.

Must stay pure, and refuse nothing silently: a value that cannot be is told, and its default used.
Called by server.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MULTI_LINE = ("auto", "always", "never")
_RANGES = {"debounceMs": (0, 5000), "maxTokens": (1, 1024), "contextCharacters": (0, 100_000)}
_FIELDS = {
    "enabled": "enabled",
    "model": "model",
    "debounceMs": "debounce_ms",
    "maxTokens": "max_tokens",
    "multiLine": "multi_line",
    "context": "context",
    "contextCharacters": "context_characters",
    "filetypes": "filetypes",
}
_MAX_FILETYPES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it has a default that needs no configuration."""

    enabled: bool = True
    model: str = ""  # empty: the one in memory that knows gaps, or the daemon's default
    debounce_ms: int = 150
    max_tokens: int = 64
    multi_line: str = "auto"
    context: bool = True  # show the model what was visited lately
    context_characters: int = 6000
    filetypes: Mapping[str, bool] = field(default_factory=dict)  # "*" for all others

    def wants(self, language: str) -> bool:
        return self.filetypes.get(language, self.filetypes.get("*", True))


def parse(settings: Settings, given: Any) -> tuple[Settings, list[str]]:
    """The settings with what was given, and a sentence for each value that cannot be."""
    if given is None:
        return settings, []
    if not isinstance(given, Mapping):
        return settings, ["hob's configuration must be an object of settings; the one given is not"]
    faults: list[str] = []
    for name, value in given.items():
        if name not in _FIELDS or value is None:
            continue  # editors send their own settings of the same section along
        fault = _fault(name, value)
        if fault:
            faults.append(f"hob.{name} {fault}")
            continue
        settings = replace(settings, **{_FIELDS[name]: value})
    return settings, faults


def _fault(name: str, value: Any) -> str:
    if name in _RANGES:
        least, most = _RANGES[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            return f"is {value!r:.40}; it must be a whole number from {least} to {most}"
    elif name in ("enabled", "context"):
        return "" if isinstance(value, bool) else f"is {value!r:.40}; it must be true or false"
    elif name == "multiLine":
        return "" if value in MULTI_LINE else f"is {value!r:.40}; it must be one of {', '.join(MULTI_LINE)}"
    elif name == "model":
        is_name = isinstance(value, str) and len(value) <= 200
        return "" if is_name else "must be the name of a model, of at most 200 characters"
    elif name == "filetypes":
        return "" if _are_filetypes(value) else f"must give at most {_MAX_FILETYPES} filetypes true or false"
    return ""


def _are_filetypes(value: Any) -> bool:
    if not isinstance(value, Mapping) or len(value) > _MAX_FILETYPES:
        return False
    return all(isinstance(name, str) and isinstance(wanted, bool) for name, wanted in value.items())
