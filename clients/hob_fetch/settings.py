"""What a user settles once for all downloads: mirrors, and tokens for hosts.

Must read a token from the environment or from a file that is closed to others, and never show one. Read by
main.py before the process gives up reading the user's files.

    ~/.config/hob/fetch.toml
    [mirrors]                               [tokens]
    huggingface = "https://mirror.example"  "mirror.example" = "~/.config/hob/mirror.token"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hob import address

from hob_fetch.caution import authority, checked
from hob_fetch.failures import InvalidRequest, NotPermitted

NAME = "fetch.toml"
HUGGINGFACE, OLLAMA, PACKAGES, UPDATES = "huggingface", "ollama", "packages", "updates"
#: Where each is unless a mirror is named. A registry of packages is the user's own choice.
HOSTS = {HUGGINGFACE: "https://huggingface.co", OLLAMA: "https://registry.ollama.ai"}
_VARIABLES = {
    HUGGINGFACE: ("HF_ENDPOINT",),
    OLLAMA: (),
    PACKAGES: ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    UPDATES: (),
}
_MAX_BYTES = 64 << 10
_MAX_TOKEN_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    mirrors: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)  # by host, or host:port

    def base(self, service: str) -> str:
        """Where a service is, without a slash at the end. Raises InvalidRequest if nobody said."""
        found = self.mirrors.get(service) or HOSTS.get(service)
        if not found and service == UPDATES:
            raise InvalidRequest(f"nothing says whom to ask; set updates in [mirrors] of {_path()}")
        if not found:
            raise InvalidRequest(
                "nothing says which registry of packages to ask; set PIP_INDEX_URL, "
                f"or packages in [mirrors] of {_path()}"
            )
        return str(checked(found)).rstrip("/")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises InvalidRequest or NotPermitted."""
    said = _read(_path())
    mirrors = {
        service: environ[name] for service, names in _VARIABLES.items() for name in names if environ.get(name)
    }
    mirrors |= _texts(said, "mirrors", known=_VARIABLES)
    tokens = {host: _token_file(Path(path).expanduser()) for host, path in _texts(said, "tokens").items()}
    home = authority(checked(HOSTS[HUGGINGFACE]))
    if token := _huggingface_token(environ):
        tokens.setdefault(home, token)
    return Settings(mirrors=mirrors, tokens=tokens)


def _path() -> Path:
    return address.config_path().with_name(NAME)


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            said = tomllib.loads(file.read(_MAX_BYTES).decode())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read ({type(error).__name__}); mend or remove it") from None
    if strange := sorted(said.keys() - {"mirrors", "tokens"}):
        raise InvalidRequest(
            f"{path} has a table {strange[0]!r} that is not known; it has mirrors and tokens"
        )
    return said


def _texts(
    said: Mapping[str, object], table: str, known: Mapping[str, object] | None = None
) -> dict[str, str]:
    found = said.get(table, {})
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidRequest(f"[{table}] of {_path()} must be a table of texts; mend it")
    if known is not None and (strange := sorted(found.keys() - known.keys())):
        raise InvalidRequest(f"[{table}] of {_path()} has {strange[0]!r}, and may have {', '.join(known)}")
    return found


def _huggingface_token(environ: Mapping[str, str]) -> str:
    """As that hub's own programs look for it."""
    if token := environ.get("HF_TOKEN"):
        return _checked_token(token, "HF_TOKEN")
    if named := environ.get("HF_TOKEN_PATH"):
        return _token_file(Path(named).expanduser())
    return ""


def _token_file(path: Path) -> str:
    try:
        status = path.stat()
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
            raise NotPermitted(f"{path} holds a token and can be read by others; run `chmod 600 {path}`")
        with path.open("rb") as file:
            text = file.read(_MAX_TOKEN_CHARACTERS + 1)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read ({error.strerror}); name the token's file") from None
    return _checked_token(text.decode(errors="replace"), str(path))


def _checked_token(text: str, where: str) -> str:
    token = text.strip()
    if not token or len(token) > _MAX_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable():
        raise InvalidRequest(f"{where} holds no token: one line of printable ASCII is wanted")
    return token
