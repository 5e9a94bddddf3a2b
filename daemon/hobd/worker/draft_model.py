"""Loads a draft model beside the model it shall guess for, if it speaks the same tokens.

Must leave the model as it is whatever the draft file holds: a draft that is of no use is a sentence, not
an error. Called by serve.py, when the model itself has answered its probe.
"""

from __future__ import annotations

from collections.abc import Callable

from hobd.worker.drafter import Drafter
from hobd.worker.engine import Engine, EngineError, Loader, Settings, Slice

# One answer gains most from guesses, many gain nothing; each that is followed takes cells.
_NUM_LANES = 4
_MAX_CONTEXT = 8192
# Prompts are followed in chunks of at most so many; larger batches take more memory for nothing.
_BATCH_TOKENS = 128
# Models of a family may differ by what fills up their vocabularies.
_MOST_PADDING = 128


def load_draft(
    fd: int, engine: Engine, settings: Settings, *, load: Loader, progress: Callable[[float], None]
) -> Drafter | str:
    """The draft model behind a descriptor, ready to guess for `engine`; or why it is of no use."""
    if not engine.facts.can_generate:
        return "there is nothing to guess: the model makes vectors only"
    if not engine.facts.speculates:
        return "what was guessed wrong could not be taken back in this model's memory"
    try:
        draft = load(fd, _settings(engine, settings), progress)
    except EngineError as error:
        return str(error)
    problem = _problem(draft, engine) or _probe(draft)
    if problem:
        draft.close()
        return problem
    return Drafter(draft, min(draft.facts.vocabulary, engine.facts.vocabulary))


def _settings(engine: Engine, settings: Settings) -> Settings:
    context = min(engine.facts.context_tokens, _MAX_CONTEXT)
    return Settings(
        context_tokens=context,
        kv_cells=context,
        num_lanes=min(_NUM_LANES, engine.facts.num_lanes),
        num_cache_lanes=1,  # never used, but with none the memory would not tell whether it can take back
        batch_tokens=_BATCH_TOKENS,
        num_threads=settings.num_threads,
        degraded=settings.degraded,
        kv_type=settings.kv_type,
        gpu_layers=settings.gpu_layers,
    )


def _problem(draft: Engine, engine: Engine) -> str:
    """Why the one cannot guess for the other; empty if it can."""
    if not draft.facts.can_generate:
        return "it makes vectors only; name a model that generates"
    if not draft.facts.speculates:
        return "its memory cannot take back what it guessed wrong; name a model without recurrent layers"
    drafts, models = draft.facts.vocabulary, engine.facts.vocabulary
    if abs(drafts - models) > _MOST_PADDING:
        return f"its vocabulary has {drafts} tokens and the model's {models}; name one of the model's family"
    for token in range(min(drafts, models)):
        if draft.spelling(token) != engine.spelling(token):
            return f"token {token} is not the same in both vocabularies; name one of the model's family"
    return ""


def _probe(draft: Engine) -> str:
    """One decode, as the model itself had to do."""
    try:
        draft.decode([Slice(0, 0, [0], 1)])
        draft.greedy(1)
        draft.forget(0)
    except EngineError as error:
        return str(error)
    return ""
