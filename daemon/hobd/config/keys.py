"""The settings as a table, by dotted name: what a value must be, in words and as a check.

Must derive everything from schema.py; a setting is never described twice.
Used by load.py, write.py and compare.py.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from hobd.config.schema import Config, Section

Value = int | str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One setting."""

    section: str
    name: str
    annotation: Any
    default: Value

    @property
    def dotted(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"HOB_{self.section}_{self.name}".upper()

    @property
    def kind(self) -> Any:
        return get_args(self.annotation)[0]

    @property
    def meta(self) -> msgspec.Meta:
        meta: msgspec.Meta = get_args(self.annotation)[1]
        return meta

    @property
    def expectation(self) -> str:
        """What a value must be, for after "must be"; where its type does not tell, its `extra` does."""
        if self.kind is int:
            return f"an integer from {self.meta.ge} to {self.meta.le}"
        if self.kind is bool:
            return "true or false"
        if get_origin(self.kind) is Literal:
            *some, last = (json.dumps(choice) for choice in get_args(self.kind))
            return f"{', '.join(some)} or {last}"
        return str((self.meta.extra or {}).get("expectation", "printable text on one line"))

    def accepts(self, value: object) -> bool:
        try:
            msgspec.convert(value, self.annotation)
        except msgspec.ValidationError:
            return False
        return value.isprintable() if isinstance(value, str) else True

    def from_text(self, text: str) -> object:
        """What a variable or a flag says. Text that is no number stays text, which `accepts` then refuses."""
        if self.kind is int and text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 20:
            return int(text)
        if self.kind is bool and text in ("true", "false"):
            return text == "true"
        return text


@cache
def all_keys() -> dict[str, Key]:
    """Every setting by its dotted name, in the order of the schema."""
    return {
        key.dotted: key
        for section, kind in sections().items()
        for key in (
            Key(
                section=section,
                name=name,
                annotation=kind.__annotations__[name],
                default=getattr(kind(), name),
            )
            for name in kind.__struct_fields__
        )
    }


def sections() -> dict[str, type[Section]]:
    """All but the doors, which are as many as somebody wants: doors.py knows those."""
    return {name: Config.__annotations__[name] for name in Config.__struct_fields__ if name != "doors"}
