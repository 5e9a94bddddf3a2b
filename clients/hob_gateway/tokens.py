"""The named tokens: who may ask the gateway for what, and until when.

Must never keep a token, only its digest, nor tell by its timing how much of a guess was right.
Called by guard.py at every request, and by `hob gateway token`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hob_client.errors import InvalidRequest

from hob_gateway.places import read_record, write_record

PREFIX = "hob-"  # so that scanners of leaked secrets, and people, know what it is
SCOPES = ("infer", "manage")
MAX_TOKENS = 100
MAX_DAYS = 3650
_SECRET_BYTES = 32
_MAX_GIVEN_BYTES = 256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token. A random text of 256 bits needs no slow hash: there is nothing to guess."""

    name: str
    digest: str = field(repr=False)
    scopes: tuple[str, ...]
    created_at: int  # seconds since 1970
    expires_at: int | None
    revoked: bool = False

    def is_valid(self, now: float) -> bool:
        return not self.revoked and (self.expires_at is None or now < self.expires_at)


def new_token(name: str, scopes: Iterable[str], *, now: float, days: int | None) -> tuple[Token, str]:
    """A token and its secret, which is told this once."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"the name {name!r} must be 1 to 64 letters, digits, '.', '_' or '-'")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise InvalidRequest(f"days must be from 1 to {MAX_DAYS}, not {days}")
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    expires_at = None if days is None else int(now) + days * 86400
    token = Token(
        name=name, digest=_digest(secret), scopes=tuple(scopes), created_at=int(now), expires_at=expires_at
    )
    return token, secret


def find(tokens: Iterable[Token], secret: str, now: float) -> Token | None:
    """The valid token with this secret. Looks at every token, whichever it is."""
    given = _digest(secret[:_MAX_GIVEN_BYTES])
    found = None
    for token in tokens:
        if hmac.compare_digest(token.digest, given) and token.is_valid(now):
            found = token
    return found


class TokenBook:
    """The file of tokens. Readers see what others write to it, so a revocation counts at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def tokens(self) -> tuple[Token, ...]:
        """As the file has them now. A file that cannot be read holds no token, and everybody is refused."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            self._seen, self._tokens = None, ()
            return ()
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        if seen != self._seen:
            self._tokens = tuple(map(_read, read_record(self._path).get("tokens", [])))
            self._seen = seen
        return self._tokens

    def add(self, token: Token) -> None:
        """A revoked or expired one of the same name makes way."""
        others = tuple(other for other in self.tokens() if other.name != token.name)
        taken = [other for other in self.tokens() if other.name == token.name]
        if taken and taken[0].is_valid(token.created_at):
            raise InvalidRequest(f"there is a token {token.name!r} already; revoke it, or take another name")
        if len(others) >= MAX_TOKENS:
            raise InvalidRequest(f"there are {len(others)} tokens, and at most {MAX_TOKENS}; revoke some")
        self._write((*others, token))

    def revoke(self, name: str) -> None:
        if all(token.name != name for token in self.tokens()):
            known = ", ".join(token.name for token in self.tokens()) or "none"
            raise InvalidRequest(f"there is no token {name!r}; there are: {known}")
        self._write(tuple(replace(one, revoked=True) if one.name == name else one for one in self.tokens()))

    def _write(self, tokens: tuple[Token, ...]) -> None:
        write_record(self._path, {"tokens": [_record(token) for token in tokens]})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _record(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "sha256": token.digest,
        "scopes": list(token.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked": token.revoked,
    }


def _read(record: dict[str, Any]) -> Token:
    return Token(
        name=record["name"],
        digest=record["sha256"],
        scopes=tuple(record["scopes"]),
        created_at=record["created_at"],
        expires_at=record["expires_at"],
        revoked=record["revoked"],
    )
