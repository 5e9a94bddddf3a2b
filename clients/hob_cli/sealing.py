"""Encryption of what a user saves, in the format of age: to a key, or by a passphrase.

Must never write plain text, nor let a key or a passphrase into an error. Used by saving.py.

Whoever has the key reads such a file with any age tool: `age -d -i KEYFILE FILE`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hob import address
from hob_client.errors import InvalidRequest, NotPermitted, NotSupported

HEADER = b"age-encryption.org/v1\n"
_BY_PASSPHRASE = HEADER + b"-> scrypt "
_SECRET = "AGE-SECRET-KEY-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What locks a file. Empty: plain text, which only --plain may ask for."""

    recipients: tuple[str, ...] = ()
    passphrase: str = field(default="", repr=False)

    @property
    def is_closed(self) -> bool:
        return bool(self.recipients or self.passphrase)

    @property
    def is_slow(self) -> bool:
        """A passphrase is made expensive to guess, and so to use."""
        return bool(self.passphrase)


def seal(data: bytes, lock: Lock) -> bytes:
    """Raises InvalidRequest for a recipient that is none."""
    age = _age()
    if lock.passphrase:
        return bytes(age.passphrase.encrypt(data, lock.passphrase))
    return bytes(age.encrypt(data, [_recipient(text) for text in lock.recipients]))


def is_sealed(data: bytes) -> bool:
    return data.startswith(HEADER)


def wants_passphrase(data: bytes) -> bool:
    return data.startswith(_BY_PASSPHRASE)


def unseal(data: bytes, name: str, *, identity: Path | None = None, passphrase: str = "") -> bytes:
    """What was sealed. Raises InvalidRequest if the key, the passphrase or the file is not right."""
    age = _age()
    try:
        if wants_passphrase(data):
            return bytes(age.passphrase.decrypt(data, passphrase))
        return bytes(age.decrypt(data, _identities(identity or key_path())))
    except age.DecryptError:
        what = "passphrase is not right" if wants_passphrase(data) else "key does not open it"
        raise InvalidRequest(f"{name} stays closed: the {what}, or the file is damaged") from None


# ------------------------------------------------------------------ the user's own key


def key_path() -> Path:
    """The key that `hob chat --save` makes once."""
    return address.config_path().with_name("conversations.key")


def own_recipient() -> tuple[str, bool]:
    """The public half of the user's own key, and whether the key was made just now."""
    path = key_path()
    if path.exists():
        return str(_identities(path)[0].to_public()), False
    identity = _age().x25519.Identity.generate()
    _write_key(path, str(identity), str(identity.to_public()))
    return str(identity.to_public()), True


def _write_key(path: Path, secret: str, public: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotPermitted(
            f"the key {path} cannot be written ({error.strerror}); name a --recipient"
        ) from None
    with os.fdopen(fd, "w") as file:
        file.write(f"# created: {now}\n# public key: {public}\n{secret}\n")
        file.flush()
        os.fsync(fd)


def _identities(path: Path) -> Sequence[Any]:
    """The keys of an identity file. Raises InvalidRequest or NotPermitted."""
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except FileNotFoundError:
        raise InvalidRequest(
            f"there is no key at {path}; name the one that opens it, with --identity"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise InvalidRequest(f"the key {path} cannot be read; name another --identity") from None
    if mode & 0o077:
        raise NotPermitted(f"the key {path} can be read by others; chmod 600 it")
    age = _age()
    try:
        found = [age.x25519.Identity.from_str(line) for line in text.splitlines() if line.startswith(_SECRET)]
    except age.IdentityError:
        found = []
    if not found:
        raise InvalidRequest(f"{path} holds no key that can be read; name another --identity")
    return found


def _recipient(text: str) -> Any:
    age = _age()
    try:
        return age.x25519.Recipient.from_str(text)
    except age.RecipientError:
        raise InvalidRequest(f"{text[:80]!r} is no recipient of age; one begins with age1") from None


def _age() -> Any:
    try:
        import pyrage
    except ImportError:
        raise NotSupported(
            "this installation cannot encrypt; install hob with its extra `save`, or say --plain"
        ) from None
    return pyrage
