"""Turns a request for vectors into a job: tokenizes its texts, checks that each fits, cuts those it may cut.

Must never compute or touch a slot: it runs on the worker's second thread. Called by intake.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from hobd.wire import messages as m
from hobd.worker.embed import Item, split
from hobd.worker.engine import Engine
from hobd.worker.refusal import Refusal
from hobd.worker.room import check_item
from hobd.worker.vector_job import QUERY, VectorJob, Wish


def vector_job(request: m.Submit, engine: Engine) -> VectorJob:
    """What an EmbedPrompt or a RerankPrompt asks for. Raises Refusal."""
    now_ns = time.monotonic_ns()
    prompt = request.prompt
    assert isinstance(prompt, m.EmbedPrompt | m.RerankPrompt)
    if isinstance(prompt, m.EmbedPrompt):
        wish, items = _embedding(request.id, prompt, engine)
    elif engine.facts.has_ranking:
        wish, items = Wish(pooling="last", is_ranking=True), list(_pairs(request.id, prompt, engine))
    else:
        wish, items = _similarities(request.id, prompt, engine)
    check_item(request.limits, max(len(item.tokens) for item in items))
    told = frozenset(request.resume.tokens) if request.resume else frozenset()
    num_tokens = sum(len(item.tokens) for item in items)
    todo = [item for item in items if item.input not in told]
    return VectorJob(request.id, todo, wish, num_tokens=num_tokens, priority=request.priority, now_ns=now_ns)


def _embedding(id: int, prompt: m.EmbedPrompt, engine: Engine) -> tuple[Wish, list[Item]]:
    facts = engine.facts
    if not facts.embedding_width:
        raise Refusal("NotSupported", "this model makes no vectors; ask an embedding model")
    if prompt.dimensions is not None and prompt.dimensions > facts.embedding_width:
        raise Refusal(
            "InvalidRequest",
            f"dimensions must be from 1 to {facts.embedding_width} with this model, not {prompt.dimensions}",
        )
    wish = Wish(
        pooling=prompt.pooling or facts.pooling,
        is_normalized=prompt.normalize,
        dimensions=prompt.dimensions,
    )
    items = []
    for number, text in enumerate(prompt.inputs):
        tokens = _plain(text, engine)
        chunks = split(tokens, _room(engine)) if prompt.chunk_long else [tokens]
        for chunk in chunks:
            whole = [*facts.affixes.before, *chunk, *facts.affixes.after]
            _check(whole, engine, f"input {number}", "shorten it, or set chunk_long_inputs")
            items.append(Item(id, number, whole))
    return wish, items


def _similarities(id: int, prompt: m.RerankPrompt, engine: Engine) -> tuple[Wish, list[Item]]:
    facts = engine.facts
    if facts.can_generate or not facts.embedding_width:
        raise Refusal(
            "NotSupported",
            "this model was not made to compare texts; rerank with an embedding or ranking model",
        )
    items = [Item(id, QUERY, _wrapped(prompt.query, engine, "the query"))]
    items += (
        Item(id, number, _wrapped(text, engine, f"document {number}"))
        for number, text in enumerate(prompt.documents)
    )
    return Wish(pooling=facts.pooling, is_similarity=True), items


def _pairs(id: int, prompt: m.RerankPrompt, engine: Engine) -> Iterator[Item]:
    affixes = engine.facts.affixes
    begin = [*affixes.before, *_plain(prompt.query, engine), *affixes.between]
    for number, text in enumerate(prompt.documents):
        tokens = [*begin, *_plain(text, engine), *affixes.after]
        _check(tokens, engine, f"document {number} with the query", "shorten it")
        yield Item(id, number, tokens)


def _wrapped(text: str, engine: Engine, what: str) -> list[int]:
    affixes = engine.facts.affixes
    tokens = [*affixes.before, *_plain(text, engine), *affixes.after]
    _check(tokens, engine, what, "shorten it")
    return tokens


def _plain(text: str, engine: Engine) -> list[int]:
    return engine.tokenize(text, add_special=False, parse_special=False)


def _room(engine: Engine) -> int:
    """Tokens of text that one computation takes, beside those the model wants around it."""
    affixes = engine.facts.affixes
    return max(1, engine.facts.context_tokens - len(affixes.before) - len(affixes.after))


def _check(tokens: list[int], engine: Engine, what: str, remedy: str) -> None:
    available = engine.facts.context_tokens
    if not tokens:
        raise Refusal("InvalidRequest", f"{what} has no tokens; leave it out")
    if len(tokens) > available:
        raise Refusal(
            "PromptTooLong",
            f"{what} has {len(tokens)} tokens and the model's context has room for {available}; {remedy}",
            needed=len(tokens),
            available=available,
        )
