"""Says of a path whether its file may ever be shown to a model.

Must stay pure: what ignore files say comes as text (ignore_files.py reads them). Names of secrets are built
in, and nothing lets one of them through. Called by ignore_files.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pathspec import GitIgnoreSpec

#: In the words of .gitignore, compared without regard to case.
SECRETS = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "!.env.example",
    "!.env.sample",
    "!.env.template",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.asc",
    "*.gpg",
    "*.age",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "!*.pub",
    ".ssh/",
    ".gnupg/",
    ".aws/",
    ".kube/",
    ".docker/config.json",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".npmrc",
    ".pypirc",
    ".htpasswd",
    ".git-credentials",
    ".git/",
    "credentials",
    "credentials.json",
    "secrets/",
    "secrets.json",
    "secrets.toml",
    "secrets.y*ml",
    "*.tfstate",
    "*.tfvars",
    "/etc/*shadow*",
    "/etc/sudoers*",
    ".bash_history",
    ".zsh_history",
    ".python_history",
)
# pass and gopass edit what they decrypted here.
_DECRYPTED = ("/dev/shm/", "/run/user/")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the ignore files of one folder say, .gitignore first."""

    folder: str  # absolute, without a slash at its end
    lines: tuple[str, ...]


@lru_cache(maxsize=256)
def _compiled(lines: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(filter(_is_pattern, lines))


def _is_pattern(line: str) -> bool:
    """Git skips what is none."""
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def is_secret(path: str) -> bool:
    """Whether the name alone says that it holds what nobody may see."""
    return path.startswith(_DECRYPTED) or _compiled(SECRETS).match_file(path.lower().lstrip("/"))


def is_ignored(path: str, rules: Sequence[Rules]) -> bool:
    """As git does it: the nearest folder has the last word, but nothing leaves an ignored folder."""
    parts = path.split("/")
    steps = ["/".join(parts[:depth]) + "/" for depth in range(2, len(parts))]
    return any(_verdict(step, rules) for step in [*steps, path])


def _verdict(path: str, rules: Sequence[Rules]) -> bool:
    verdict = False
    for rule in rules:  # from the outermost folder to the innermost
        if path.startswith(rule.folder + "/") and len(path) > len(rule.folder) + 1:
            said = _compiled(rule.lines).check_file(path[len(rule.folder) + 1 :]).include
            verdict = verdict if said is None else said
    return verdict
