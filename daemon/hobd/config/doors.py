"""What a named door is told: where it is, whom it admits, what each may do; and how a table becomes that.

Must turn every mistake into a ConfigError that names the place, the key and what it may be; does no I/O.
Used by load.py and door_files.py for TOML, and by api/doors.py for what AddDoor brings.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from hobd.errors import ConfigError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
#: The name of the door that needs no table.
OWNER = "owner"
#: In place of users: whoever the socket's mode and directories let in.
ANYBODY = "*"
MODES = {"0600": 0o600, "0660": 0o660, "0666": 0o666}
OPERATIONS = ("infer", "observe", "manage")
_MAX_PATH_CHARACTERS, _MAX_NAME_CHARACTERS = 4096, 256
_MAX_NAMES = 256
_MAX_PROMPT_CHARACTERS = 65536

Name = Annotated[str, Meta(min_length=1, max_length=_MAX_NAME_CHARACTERS)]
Names = Annotated[tuple[Name, ...], Meta(max_length=_MAX_NAMES)]
Count = Annotated[int, Meta(ge=0, le=1 << 30)]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a caller may do. Each number is for one user, and 0 is no limit."""

    operations: Annotated[tuple[Literal["infer", "observe", "manage"], ...], Meta(max_length=3)] = ("infer",)
    models: Names = ()
    best_class: Literal["interactive", "normal", "batch"] = "interactive"
    max_concurrent: Count = 0
    tokens_per_minute: Count = 0
    max_context_tokens: Count = 0
    max_tokens: Count = 0
    system_prompt: Annotated[str, Meta(max_length=_MAX_PROMPT_CHARACTERS)] = ""
    schema_only: bool = False
    incognito: bool = False
    raw_prompts: bool = True

    def __repr__(self) -> str:
        return f"Terms({words(self)})"


class DoorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A named door. `users` admits those who are its keys, each with terms of his own."""

    name: str
    path: str = ""  # empty: in a directory of its own beside the owner's door
    mode: int = 0o600
    group: str = ""
    users: dict[str, Terms] = {}  # empty: the owner alone
    terms: Terms = Terms()
    source: str = ""  # the file that says so


_PLACE = {
    "path": Annotated[str, Meta(max_length=_MAX_PATH_CHARACTERS)],
    "mode": Literal["0600", "0660", "0666"],
    "group": Annotated[str, Meta(max_length=_MAX_NAME_CHARACTERS)],
}


def check_name(where: str, name: str) -> None:
    if name == OWNER or not NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: a door's name must be 1 to 32 of a-z, 0-9, _ and -, and not {OWNER}; "
            f"{_shown(name)} is not; rename it"
        )


def settings(where: str, name: str, table: Mapping[str, Any], *, source: str = "") -> DoorSettings:
    """The door that a TOML table describes. Raises ConfigError; `where` says where the table stands."""
    check_name(where, name)
    prefix = f"doors.{name}"
    place = {key: _place(where, prefix, key, table[key]) for key in _PLACE if key in table}
    said = {key: value for key, value in table.items() if key not in _PLACE and key != "users"}
    _check_terms(where, prefix, said, others=(*_PLACE, "users"))
    users = {
        user: msgspec.convert({**said, **own}, Terms)
        for user, own in _users(where, prefix, table.get("users", ())).items()
    }
    found = DoorSettings(
        name=name,
        path=place.get("path", ""),
        mode=MODES[place.get("mode", "0600")],
        group=place.get("group", ""),
        users=users,
        terms=msgspec.convert(said, Terms),
        source=source,
    )
    _check_sense(where, prefix, found)
    return found


def words(terms: Terms) -> str:
    """The terms for people, without the text of a pinned prompt."""
    parts = [
        " and ".join(terms.operations) or "nothing",
        f"models {', '.join(terms.models)}" if terms.models else "all models",
        f"{terms.best_class} at best" if terms.best_class != "interactive" else "",
        f"{terms.max_concurrent} at once" if terms.max_concurrent else "",
        f"{terms.tokens_per_minute} tokens a minute" if terms.tokens_per_minute else "",
        f"contexts of {terms.max_context_tokens} tokens" if terms.max_context_tokens else "",
        f"answers of {terms.max_tokens} tokens" if terms.max_tokens else "",
        "a pinned system prompt" if terms.system_prompt else "",
        "JSON schemas only" if terms.schema_only else "",
        "incognito" if terms.incognito else "",
        "" if terms.raw_prompts else "chats only",
    ]
    return ", ".join(part for part in parts if part)


def to_table(door: DoorSettings) -> dict[str, Any]:
    """What `settings` would read as this door; nothing that is so by itself."""
    table: dict[str, Any] = {"path": door.path} if door.path else {}
    if door.mode != 0o600:
        table["mode"] = f"{door.mode:04o}"
    if door.group:
        table["group"] = door.group
    table |= _differences(door.terms, Terms())
    if door.users:
        table["users"] = {user: _differences(own, door.terms) for user, own in door.users.items()}
    return table


# ------------------------------------------------------------------ private steps


def _differences(terms: Terms, default: Terms) -> dict[str, Any]:
    return {
        key: getattr(terms, key)
        for key in Terms.__struct_fields__
        if getattr(terms, key) != getattr(default, key)
    }


def _place(where: str, prefix: str, key: str, value: object) -> str:
    if key == "mode" and type(value) is int:  # 0o660 in TOML is a number
        value = f"{value:04o}" if value in MODES.values() else value
    _check(where, f"{prefix}.{key}", _PLACE[key], value)
    assert isinstance(value, str)
    return value


def _users(where: str, prefix: str, said: object) -> dict[str, dict[str, Any]]:
    """A list of who is admitted, or a table of them with terms of their own."""
    if not isinstance(said, dict):
        _check(where, f"{prefix}.users", tuple[Name | int, ...], said)
        assert isinstance(said, list | tuple)
        said = {str(user): {} for user in said}
    assert isinstance(said, dict)
    if len(said) > _MAX_NAMES:
        raise ConfigError(f"{where}: {prefix}.users has {len(said)} users; at most {_MAX_NAMES} are taken")
    for user, own in said.items():
        if not isinstance(own, dict):
            raise ConfigError(f"{where}: {prefix}.users.{user} must be a table of terms, not {_shown(own)}")
        _check_terms(where, f"{prefix}.users.{user}", own)
    return dict(said)


def _check_terms(where: str, prefix: str, table: Mapping[str, Any], others: tuple[str, ...] = ()) -> None:
    kinds = dict(zip(Terms.__struct_fields__, _kinds(), strict=True))
    for key, value in table.items():
        if key not in kinds:
            close = get_close_matches(key, [*kinds, *others], n=1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join((*others, *kinds))}"
            raise ConfigError(f"{where}: unknown key {prefix}.{key}; {hint}")
        _check(where, f"{prefix}.{key}", kinds[key], value)


def _kinds() -> list[Any]:
    return [field.type for field in msgspec.structs.fields(Terms)]


def _check(where: str, dotted: str, kind: Any, value: object) -> None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        found = (
            "" if dotted.endswith("system_prompt") else f", not {_shown(value)}"
        )  # that is somebody's text
        raise ConfigError(f"{where}: {dotted} must be {_expectation(kind)}{found}") from None
    texts = value if isinstance(value, list | tuple) else [value]
    is_prose = dotted.endswith("system_prompt")
    if any(isinstance(text, str) and not _is_plain(text, is_prose=is_prose) for text in texts):
        raise ConfigError(f"{where}: {dotted} has characters that do not print; write plain text")


def _is_plain(text: str, *, is_prose: bool) -> bool:
    """Names print on one line; prose is anything but control characters and halves of characters."""
    if not is_prose:
        return text.isprintable()
    return all(char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs") for char in text)


def _expectation(kind: Any) -> str:
    """What a value must be, for after "must be"."""
    meta = next((part for part in get_args(kind) if isinstance(part, Meta)), Meta())
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if inner is bool:
        return "true or false"
    if inner is int:
        return f"an integer from {meta.ge} to {meta.le}"
    if inner is str:
        return f"text of at most {meta.max_length} characters"
    if get_origin(inner) is Literal:
        *some, last = (json.dumps(choice) for choice in get_args(inner))
        return f"{', '.join(some)} or {last}"
    if get_origin(get_args(inner)[0]) is Literal:
        return f"a list of {', '.join(map(json.dumps, OPERATIONS))}"
    return f"a list of at most {meta.max_length or _MAX_NAMES} names"


def _check_sense(where: str, prefix: str, door: DoorSettings) -> None:
    """Tables that are well formed and contradict themselves."""
    if door.path and not door.path.startswith(("/", "~/")):
        raise ConfigError(f"{where}: {prefix}.path must be an absolute path or one below ~; write it so")
    if door.mode == 0o660 and not door.group:
        raise ConfigError(f"{where}: {prefix}.mode 0660 is for a group; name it with {prefix}.group")
    if door.group and door.mode != 0o660:
        raise ConfigError(f'{where}: {prefix}.group counts with mode 0660 only; set {prefix}.mode = "0660"')
    if door.mode != 0o600 and not door.users:
        raise ConfigError(
            f"{where}: {prefix}.mode {door.mode:04o} lets others come to the door, and it admits none of "
            f'them; name them in {prefix}.users, or ["{ANYBODY}"] for whoever the mode lets in'
        )
    for terms in (door.terms, *door.users.values()):
        if not terms.operations:
            raise ConfigError(f"{where}: {prefix}.operations is empty; grant one of {', '.join(OPERATIONS)}")


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:60]}..."
