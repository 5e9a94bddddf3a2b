"""Finds the signature that stands for a model file, and says what it is worth.

Must read no more than a signature's bound, and never the model. Called by broker/admission.py.

`NAME.gguf.sig` beside a file stands for that file; `model.sig` in its directory, or in one above it up to
the models directory, stands for all that it lists, by their path from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hobd.store.signature import MAX_BUNDLE_BYTES, SignatureError, verify_bundle
from hobd.store.small_file import read_small
from hobd.store.trust import Trust

_OF_A_DIRECTORY = "model.sig"
_MAX_LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`text` is a sentence's end: what the signature says, or why it says nothing."""

    state: Literal["signed", "unsigned", "wrong"]
    text: str


def judge(file: Path, sha256: str, models: Path, trust: Trust) -> Verdict:
    """Whether somebody trusted vouches for the file being the one with this digest."""
    seen = ""
    for place, names in _candidates(file, models):
        raw = _read(place)
        if raw is None:
            continue
        try:
            signed = verify_bundle(raw, trust)
        except SignatureError as error:
            return Verdict(state="wrong", text=f"its signature {place} {error}")
        digests = {signed.digests[name] for name in names if name in signed.digests}
        if digests == {sha256}:
            return Verdict(state="signed", text=f"signed by {signed.signer}")
        if digests:
            return Verdict(state="wrong", text=f"its signature {place} is for another file than this one")
        seen = f"; {place} does not list it"
    return Verdict(state="unsigned", text=f"no signature stands beside it{seen}")


def _candidates(file: Path, models: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Each place, and what the file may be called there. A file that was signed alone is called "."."""
    yield file.with_name(f"{file.name}.sig"), (file.name, ".")
    for directory in list(file.parents)[:_MAX_LEVELS]:
        yield directory / _OF_A_DIRECTORY, (file.relative_to(directory).as_posix(),)
        if directory == models:
            return


def _read(path: Path) -> bytes | None:
    """None where there is nothing. What cannot be read, or is too long, verifies as no signature."""
    try:
        return read_small(path, MAX_BUNDLE_BYTES)[0]
    except FileNotFoundError:
        return None
    except OSError:
        return b""
