"""A conversation as a file: written when the user says so, and only then; read back to go on.

Must never leave half a file, nor one that others can read, nor quote one in an error. Used by
keeping.py and slash.py.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hob_client.errors import InvalidRequest, NotPermitted
from hob_client.values import Media

from hob_cli import sealing
from hob_cli.conversation import Conversation
from hob_cli.sealing import Lock

_FORMAT, _VERSION = "hob conversation", 1
_MOST_BYTES = 256 << 20
_ROLES = ("user", "assistant", "tool")


class Saver:
    """Keeps a file up with a conversation. Made anew for each place."""

    def __init__(self, path: Path, lock: Lock, *, may_replace: bool = False) -> None:
        """Raises InvalidRequest if something is there that this conversation was not read from."""
        self.path = Path(os.path.abspath(path.expanduser()))
        self.lock = lock
        if not may_replace and os.path.lexists(self.path):
            raise InvalidRequest(f"{path} exists; name another file, or go on with it by --resume")
        if not self.path.parent.is_dir():
            raise InvalidRequest(f"there is no folder {self.path.parent}; make it, or save elsewhere")

    def save(self, conversation: Conversation) -> None:
        """Puts the whole of it in the place of what was there, or leaves that as it was."""
        data = dump(conversation)
        if self.lock.is_closed:
            data = sealing.seal(data, self.lock)
        try:
            _replace(self.path, data)
        except OSError as error:
            raise NotPermitted(f"{self.path} cannot be written ({error.strerror}); save elsewhere") from None


def load(path: Path, *, identity: Path | None = None, passphrase: str = "") -> dict[str, Any]:
    """What `restore` takes. Raises InvalidRequest."""
    data = read(path)
    if sealing.is_sealed(data):
        data = sealing.unseal(data, str(path), identity=identity, passphrase=passphrase)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None  # told below: the error would carry the text along
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise InvalidRequest(f"{path} is no conversation that `hob chat` saved; name another")
    if found.get("version") != _VERSION:
        raise InvalidRequest(f"{path} was saved by another version of hob; use that one to read it")
    return found


def read(path: Path) -> bytes:
    """The bytes of a saved conversation. Raises InvalidRequest."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}; name another file") from None
    if len(data) > _MOST_BYTES:
        raise InvalidRequest(f"{path} has over {_MOST_BYTES >> 20} MiB, and is no conversation; name another")
    return data


# ------------------------------------------------------------------ the text


def dump(conversation: Conversation) -> bytes:
    turns = [{**turn, "content": _plain(turn["content"])} for turn in conversation.turns]
    told = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": conversation.model,
        "system": conversation.system,
        "parameters": conversation.parameters,
        "turns": turns,
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def restore(conversation: Conversation, told: dict[str, Any], path: Path) -> None:
    """Puts the turns back, and whatever the command line did not say. Raises InvalidRequest."""
    try:
        turns = [_turn(turn) for turn in told["turns"]]
        model, system, parameters = str(told["model"]), str(told["system"]), dict(told["parameters"])
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise InvalidRequest(f"{path} is damaged, or was changed by hand; name another") from None
    conversation.model = conversation.model or model
    conversation.system = conversation.system or system
    conversation.parameters = {**parameters, **conversation.parameters}
    conversation.go_on_after(turns)


def _turn(turn: dict[str, Any]) -> Any:
    if turn["role"] not in _ROLES:
        raise ValueError
    return {**turn, "content": _content(turn["content"])}


def _plain(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [
        {"data": base64.b64encode(piece.data).decode(), "mime_type": piece.mime_type}
        if isinstance(piece, Media)
        else piece
        for piece in content
    ]


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [
        piece
        if isinstance(piece, str)
        else Media(data=base64.b64decode(piece["data"], validate=True), mime_type=str(piece["mime_type"]))
        for piece in content
    ]


# ------------------------------------------------------------------ the file


def _replace(path: Path, data: bytes) -> None:
    """All or nothing, of mode 0600: what is beside the file until then is as encrypted as the file."""
    fd, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
