"""Reads what a user names as the source of a model.

Must turn every text into one meaning or a sentence; pure. Called by main.py.

    hf:org/repo  hf:org/repo:Q8_0  hf:org/repo/file.gguf@revision
    ollama:name:tag  ollama:user/name  oci://registry/repo:tag  oci://registry/repo@sha256:…
    https://host/file.gguf  package:name==version/path/in/it.gguf  a-short-name
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from hob_fetch.failures import InvalidRequest

Scheme = Literal["hf", "ollama", "oci", "url", "package", "short"]

MAX_CHARACTERS = 2048
_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_PATH = rf"{_WORD}(?:/{_WORD}){{0,7}}"
_HF = re.compile(
    rf"(?P<repo>{_WORD}/{_WORD})(?:/(?P<file>[^@:\\]+\.gguf))?(?::(?P<quant>[A-Za-z0-9_]{{2,16}}))?"
    rf"(?:@(?P<rev>[A-Za-z0-9][A-Za-z0-9._/-]{{0,127}}))?"
)
_OLLAMA = re.compile(rf"(?P<path>{_PATH})(?::(?P<tag>{_WORD}))?")
_OCI = re.compile(
    rf"(?P<host>[A-Za-z0-9.\[\]:-]+?)/(?P<repo>{_PATH})"
    rf"(?:@(?P<digest>sha256:[0-9a-f]{{64}})|:(?P<tag>{_WORD}))?"
)
_PACKAGE = re.compile(
    rf"(?P<package>{_WORD})==(?P<version>[A-Za-z0-9.!+_-]{{1,40}})(?:/(?P<member>.+\.gguf))?"
)
_SHORT = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was named. `place`: a repository, a registry's host, a URL, a package, or a short name."""

    scheme: Scheme
    place: str
    path: str = ""  # a file, or a repository of a registry
    revision: str = ""  # a branch, commit, tag, version or digest
    quantisation: str = ""


def read_source(text: str) -> Source:
    """Raises InvalidRequest."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(
            f"the source has {len(text)} characters, and may have {MAX_CHARACTERS}; shorten it"
        )
    if text.startswith(("https://", "http://")):
        return Source(scheme="url", place=text)
    if text.startswith("oci://"):
        return _oci(text.removeprefix("oci://"))
    scheme, colon, rest = text.partition(":")
    if colon and scheme in ("hf", "ollama", "package"):
        return {"hf": _hf, "ollama": _ollama, "package": _package}[scheme](rest)
    if _SHORT.fullmatch(text):
        return Source(scheme="short", place=text)
    raise InvalidRequest(
        "that is no source; write hf:org/repo, ollama:name, oci://registry/repo, https://…, "
        "package:name==version/file.gguf, or a short name of `hob pull --list`"
    )


def _hf(text: str) -> Source:
    found = _HF.fullmatch(text)
    if found is None or _climbs(found["file"] or "") or (found["file"] and found["quant"]):
        raise InvalidRequest(
            "write hf:org/repo, hf:org/repo:Q4_K_M, or hf:org/repo/file.gguf, with @revision if need be"
        )
    return Source(
        scheme="hf",
        place=found["repo"],
        path=found["file"] or "",
        revision=found["rev"] or "main",
        quantisation=(found["quant"] or "").upper(),
    )


def _ollama(text: str) -> Source:
    found = _OLLAMA.fullmatch(text)
    if found is None:
        raise InvalidRequest("write ollama:name, ollama:name:tag, or ollama:user/name:tag")
    path = found["path"] if "/" in found["path"] else f"library/{found['path']}"
    return Source(scheme="ollama", place="", path=path, revision=found["tag"] or "latest")


def _oci(text: str) -> Source:
    found = _OCI.fullmatch(text)
    if found is None:
        raise InvalidRequest("write oci://registry/repository:tag, or oci://registry/repository@sha256:…")
    revision = found["digest"] or found["tag"] or "latest"
    return Source(scheme="oci", place=found["host"], path=found["repo"], revision=revision)


def _package(text: str) -> Source:
    found = _PACKAGE.fullmatch(text)
    if found is None or _climbs(found["member"] or ""):
        raise InvalidRequest("write package:name==version, or package:name==version/path/in/it.gguf")
    return Source(
        scheme="package", place=found["package"], path=found["member"] or "", revision=found["version"]
    )


def _climbs(path: str) -> bool:
    return any(part in ("", ".", "..") for part in path.split("/")) if path else False
