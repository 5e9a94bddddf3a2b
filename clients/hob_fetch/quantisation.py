"""Chooses one file where a publisher offers a model in many precisions.

Must follow one rule that can be said in a sentence, and say what it chose; pure. Called by huggingface.py
and package.py.

The rule: about four and a half bits a weight, where quality hardly suffers and memory is a quarter; what is
next best if that is not there. Files in several parts are no choice, since the daemon takes one file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hob_fetch.failures import ModelNotFound

#: The best first.
PREFERENCE = tuple(
    "Q4_K_M Q4_K_L Q4_K_XL Q5_K_M Q4_K_S IQ4_XS IQ4_NL MXFP4 Q4_1 Q4_0 Q5_K_S Q5_K_L Q5_K_XL Q5_1 Q5_0 Q6_K "
    "Q6_K_L Q6_K_XL Q8_0 Q8_K_XL Q3_K_L Q3_K_XL Q3_K_M Q3_K_S IQ3_M IQ3_S IQ3_XS IQ3_XXS Q2_K "
    "Q2_K_L BF16 F16 F32".split()
)
_FOUND = re.compile(
    r"(?<![A-Za-z0-9])(I?Q\d(?:_(?:[KMSL0-9]|NL|X+[SL]))*|MXFP4|BF16|F16|F32)(?![A-Za-z0-9])", re.I
)
_PART_OF_MANY = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.I)
_NO_MODEL = re.compile(r"(^|[/._-])(mmproj|imatrix)([._-]|$)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    file: str
    why: str


def quantisation_of(file: str) -> str:
    """As its name says; empty if it does not."""
    found = _FOUND.findall(file.rpartition("/")[2])
    return str(found[-1]).upper() if found else ""


def is_model(file: str) -> bool:
    return file.lower().endswith(".gguf") and not _NO_MODEL.search(file)


def is_projector(file: str) -> bool:
    return file.lower().endswith(".gguf") and "mmproj" in file.rpartition("/")[2].lower()


def choose_model(files: Sequence[str], wanted: str = "") -> Choice:
    """Raises ModelNotFound if nothing is as wanted, or no model is there in one file."""
    models = [file for file in files if is_model(file)]
    whole = [file for file in models if not _PART_OF_MANY.search(file)]
    offered = sorted({quantisation_of(file) or "one without a name" for file in whole})
    if wanted:
        whole = [file for file in whole if quantisation_of(file) == wanted]
    if not whole:
        raise ModelNotFound(_why_none(models, offered, wanted))
    best = min(whole, key=_rank)
    if wanted or len(models) == 1:
        return Choice(file=best, why="")
    why = f"took {quantisation_of(best) or best} of {', '.join(offered)}; name another as in hf:org/repo:Q8_0"
    return Choice(file=best, why=why)


def choose_projector(files: Sequence[str], model: str) -> str:
    """The one of the model's own precision, else of half the bits: they are small. Empty: there is none."""
    order = (quantisation_of(model), "F16", "BF16", "Q8_0", "F32")
    projectors = [file for file in files if is_projector(file)]
    if not projectors:
        return ""
    return min(projectors, key=lambda file: (_place(order, quantisation_of(file)), len(file), file))


def _rank(file: str) -> tuple[int, int, str]:
    return _place(PREFERENCE, quantisation_of(file)), len(file), file


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _why_none(models: Sequence[str], offered: Sequence[str], wanted: str) -> str:
    if wanted and offered:
        return f"there is no {wanted} there; there is {', '.join(offered)}"
    if models:
        return "the model is there in several files alone, and hob takes one; find it merged, or merge it"
    return "there is no GGUF file there; look for a repository whose name ends with GGUF"
