"""What a model may be called where a program puts it: the one place that turns a stranger's word into a path.

Must let no name lead out of a directory, hide a file, or make it something else than a model. Pure. Used by
whoever places a model.
"""

from __future__ import annotations

import re

from hob_client.errors import InvalidRequest

MAX_CHARACTERS = 128
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")
_PART_OF_MANY = re.compile(r"-\d{5}-of-\d{5}$")
_SUFFIX = ".gguf"


def problem_of(name: str) -> str:
    """Why no model can be called so; empty if one can."""
    if len(name) > MAX_CHARACTERS:
        return f"it has {len(name)} letters, and may have {MAX_CHARACTERS}"
    if not _NAME.fullmatch(name) or name.endswith("."):
        return "it may have letters, digits and . _ + - alone, and begins with a letter or digit"
    if name.startswith("mmproj-") or name.endswith(".mmproj"):
        return "that is how projectors are called"
    if _PART_OF_MANY.search(name) or name.lower().endswith(_SUFFIX):
        return "that is how files are called, not models"
    return ""


def check_name(name: str) -> str:
    """The name itself. Raises InvalidRequest."""
    if problem := problem_of(name):
        if not name:
            raise InvalidRequest("what its publisher calls it makes no name for a model; name one with --as")
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
        raise InvalidRequest(f'no model can be called "{shown}": {problem}; name another with --as')
    return name


def name_of(file: str) -> str:
    """What a model is called whose publisher calls its file so; empty if that makes no name."""
    base = file.replace("\\", "/").rpartition("/")[2]
    if base.lower().endswith(_SUFFIX):
        base = base[: -len(_SUFFIX)]
    plain = _STRANGE.sub("-", base).strip("-._+")[:MAX_CHARACTERS].rstrip("-._+")
    return "" if problem_of(plain) else plain
