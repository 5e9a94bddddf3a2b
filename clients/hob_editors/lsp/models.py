"""Says which model to ask when nobody configured one.

Must stay pure: what there is comes as values of hob_client. Called by daemon.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hob_client.models import Model, Resident

_CODER = ("coder", "codellama", "codegemma", "codestral", "starcoder", "stable-code", "deepseek-code")
_NO_MODELS = "there is no model yet; `hob models` says where they belong"
_MAX_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`name`: empty for the daemon's default. `knows_gaps`: None while nobody knows."""

    name: str
    knows_gaps: bool | None = None
    is_loaded: bool = False
    context_tokens: int = 0
    suggestion: str = ""  # a model there is that would do better
    problem: str = ""  # why it will not be answered


def choose(wish: str, residents: Sequence[Resident], models: Sequence[Model]) -> Choice:
    """What was wished for; else what is loaded and knows gaps; else the daemon's default; else any coder."""
    ready = [resident for resident in residents if resident.residency == "ready"]
    if wish:
        names = {wish, *(model.name for model in models if wish in model.aliases)}
        for resident in ready:
            if resident.model in names:
                return _loaded(wish, resident)
        return Choice(name=wish, problem=_problem(names, models))
    for resident in ready:
        if "infill" in resident.abilities:
            return _loaded(resident.model, resident)
    suggestion = next((model.name for model in models if is_coder(model.name)), "")
    for resident in ready:
        if "generate" in resident.abilities:
            return _loaded(resident.model, resident, suggestion)
    return Choice(name="", suggestion=suggestion, problem="" if models else _NO_MODELS)


def _problem(names: set[str], models: Sequence[Model]) -> str:
    """Whether a model that is not loaded is there at all."""
    there = [model.name for model in models]
    if names & {*there}:
        return ""
    if not there:
        return _NO_MODELS
    return f"there is no model {min(names)!r}; hob.model may be {', '.join(there[:_MAX_NAMED])}"


def is_coder(name: str) -> bool:
    """Whether a name is one of those that models trained on gaps have."""
    return any(word in name.lower() for word in _CODER)


def _loaded(name: str, resident: Resident, suggestion: str = "") -> Choice:
    knows_gaps = "infill" in resident.abilities
    return Choice(
        name=name,
        knows_gaps=knows_gaps,
        is_loaded=True,
        context_tokens=resident.context_tokens,
        suggestion="" if knows_gaps else suggestion,
    )
