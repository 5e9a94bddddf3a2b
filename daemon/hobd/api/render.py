"""The broker's words as protobuf.

Must only convert: no decision, no waiting. Called by the services in api/; the way in is in convert.py.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterator

from hob.v1 import daemon_pb2, models_pb2
from hob.v1 import inference_pb2 as pb

from hobd.api import render_memory
from hobd.api.render_ledger import moment, timestamp
from hobd.broker import request as words
from hobd.broker.broker import Broker
from hobd.broker.family import memory_bytes
from hobd.broker.resident import Resident
from hobd.broker.tenant import Place
from hobd.store.catalog import Entry
from hobd.wire.messages import Logprob, Ready

_STAGES = {
    "waiting_for_room": pb.Progress.STAGE_WAITING_FOR_ROOM,
    "verifying": pb.Progress.STAGE_VERIFYING,
    "loading": pb.Progress.STAGE_LOADING,
    "probing": pb.Progress.STAGE_PROBING,
    "queued": pb.Progress.STAGE_QUEUED,
    "prefill": pb.Progress.STAGE_PREFILL,
    "recovering": pb.Progress.STAGE_RECOVERING,
}
_REASONS = {
    "eos": pb.FINISH_REASON_EOS,
    "stop": pb.FINISH_REASON_STOP,
    "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
    "max_tokens": pb.FINISH_REASON_MAX_TOKENS,
    "context_full": pb.FINISH_REASON_CONTEXT_FULL,
    "cancelled": pb.FINISH_REASON_CANCELLED,
    "deadline": pb.FINISH_REASON_DEADLINE,
}
# Whether the model scores by a head of its own
_METHODS = {True: pb.RERANK_METHOD_RANKING_HEAD, False: pb.RERANK_METHOD_COSINE}
_RESIDENCIES = {
    Place.ABSENT: models_pb2.RESIDENCY_ABSENT,
    Place.LOADING: models_pb2.RESIDENCY_LOADING,
    Place.READY: models_pb2.RESIDENCY_READY,
    Place.LEAVING: models_pb2.RESIDENCY_UNLOADING,
}


def event(happened: words.Event) -> pb.Event:
    """One event of a stream."""
    match happened:
        case words.TokenDelta():
            return pb.Event(delta=_delta(happened))
        case words.ToolCallDelta():
            return pb.Event(tool_call=_tool_call(happened))
        case words.Progress():
            return pb.Event(progress=progress(happened.stage, happened.fraction, happened.num_ahead))
        case words.Started():
            return pb.Event(started=pb.Started(request_id=happened.request_id, model=happened.model))
        case words.Warned():
            return pb.Event(warning=pb.Warning(code=happened.code, message=happened.message))
        case words.Finished():
            return pb.Event(done=_done(happened))
        case words.Embedded():
            raise AssertionError("vectors are no event of an answer")


def embed_responses(happened: words.Event) -> Iterator[pb.EmbedResponse]:
    """What one event is to a caller of Embed."""
    match happened:
        case words.Embedded():
            for vector in happened.vectors:
                values = _floats(vector.values)
                embedding = pb.Embedding(input=vector.input, values=values, num_tokens=vector.num_tokens)
                yield pb.EmbedResponse(embedding=embedding)
        case words.Progress():
            yield pb.EmbedResponse(progress=progress(happened.stage, happened.fraction, happened.num_ahead))
        case words.Finished():
            yield pb.EmbedResponse(receipt=_receipt(happened.receipt))


def ranking(happened: list[words.Event], top_n: int | None) -> pb.RerankResponse:
    """All that came of a request to rerank; documents of one score stay in their order."""
    response = pb.RerankResponse()
    scored = []
    for event in happened:
        if isinstance(event, words.Embedded):
            scored += [(vector.input, _floats(vector.values)[0]) for vector in event.vectors]
        elif isinstance(event, words.Finished):
            response.receipt.CopyFrom(_receipt(event.receipt))
            response.method = _METHODS[event.is_ranking]
    # What is no number comes last, whatever a worker makes of it.
    scored.sort(key=lambda pair: (-pair[1] if pair[1] == pair[1] else math.inf, pair[0]))
    response.ranking.extend(pb.RankedDocument(document=d, score=score) for d, score in scored[:top_n])
    return response


def _floats(values: bytes) -> array[float]:
    floats = array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def progress(stage: str, fraction: float, num_ahead: int) -> pb.Progress:
    return pb.Progress(stage=_STAGES[stage], fraction=fraction, num_ahead=num_ahead)


def _delta(delta: words.TokenDelta) -> pb.TokenDelta:
    return pb.TokenDelta(
        answer=delta.answer,
        text=delta.text,
        num_tokens=delta.num_tokens,
        logprobs=[_logprob(entry) for entry in delta.logprobs],
        is_reasoning=delta.is_reasoning,
    )


def _tool_call(delta: words.ToolCallDelta) -> pb.ToolCallDelta:
    return pb.ToolCallDelta(
        answer=delta.answer,
        index=delta.index,
        id=delta.id,
        name=delta.name,
        arguments=delta.arguments,
        num_tokens=delta.num_tokens,
        logprobs=[_logprob(entry) for entry in delta.logprobs],
    )


def _logprob(entry: Logprob) -> pb.TokenLogprob:
    top = [pb.TokenLogprob(token_id=id, token=token, logprob=value) for id, token, value in entry.top]
    return pb.TokenLogprob(token_id=entry.token_id, token=entry.token, logprob=entry.logprob, top=top)


def _done(finished: words.Finished) -> pb.Done:
    return pb.Done(
        answers=[
            pb.AnswerEnd(answer=number, finish_reason=_REASONS[end.reason], stop=end.stop)
            for number, end in enumerate((finished, *finished.others))
        ],
        receipt=_receipt(finished.receipt),
    )


def _receipt(receipt: words.Receipt) -> pb.Receipt:
    return pb.Receipt(
        request_id=receipt.request_id,
        model=receipt.model,
        model_sha256=receipt.model_sha256,
        template_sha256=receipt.template_sha256,
        engine_build=receipt.engine_build,
        seed=receipt.seed,
        num_prompt_tokens=receipt.num_prompt_tokens,
        num_cached_tokens=receipt.num_cached_tokens,
        num_completion_tokens=receipt.num_completion_tokens,
        queue_ms=receipt.queue_ms,
        load_ms=receipt.load_ms,
        prefill_ms=receipt.prefill_ms,
        decode_ms=receipt.decode_ms,
        truncated=receipt.num_dropped_tokens > 0,
        num_dropped_tokens=receipt.num_dropped_tokens,
        num_media_tokens=receipt.num_media_tokens,
        resumed=receipt.resumed,
        degraded=receipt.degraded,
        loras=[
            pb.AppliedLora(name=lora.name, scale=lora.scale, sha256=lora.sha256) for lora in receipt.loras
        ],
        client_request_id=receipt.client_request_id,
    )


def model(entry: Entry, broker: Broker) -> models_pb2.Model:
    return models_pb2.Model(
        name=entry.name,
        aliases=entry.aliases,
        file_bytes=entry.size_bytes,
        sha256=entry.sha256 or "",
        license=entry.license or "",
        residency=_RESIDENCIES[broker.tenancy.residency.place(entry.name)],
        pinned=broker.tenancy.residency.tenant(entry.name).pinned,
        modified_at=timestamp(entry.modified_ns / 1e9),
        draft=entry.draft or "",
        adapters=[
            models_pb2.Adapter(
                name=adapter.name,
                file_bytes=adapter.size_bytes,
                sha256=adapter.sha256 or "",
                problem=adapter.problem or "",
            )
            for adapter in entry.adapters
        ],
        template_overridden=entry.template is not None,
        projector=entry.projector.path.name if entry.projector else "",
    )


def resident(tenant: Resident, broker: Broker) -> models_pb2.Resident:
    facts, tally, residency = tenant.facts, tenant.tally, broker.tenancy.residency
    place = residency.tenant(tenant.model)
    return models_pb2.Resident(
        model=tenant.model,
        residency=_RESIDENCIES[place.place],
        worker_pid=tenant.process.pid,
        resident_bytes=memory_bytes(tenant.process.pid),
        context_tokens=facts.context_tokens,
        num_lanes=facts.num_lanes,
        num_running=tally.num_running,
        num_queued=tally.num_queued,
        used_cells=tally.used_cells,
        total_cells=facts.total_cells,
        num_threads=facts.num_threads,
        degraded=tenant.degraded,
        sandbox=tenant.sandbox,
        loaded_at=timestamp(tenant.loaded_at),
        idle_since=timestamp(tenant.idle_since),
        leaves_at=moment(residency.leaves_at(tenant.model)),
        pinned=place.pinned,
        num_restarts=broker.tenancy.num_restarts.get(tenant.model, 0),
        architecture=facts.architecture,
        num_tokens_generated=tenant.num_tokens_generated,
        cached_cells=tally.cached_cells,
        stash_bytes=tally.stash_bytes,
        num_threads_computing=tally.num_threads,
        num_prompt_tokens=tally.num_prompt_tokens,
        num_cached_tokens=tally.num_cached_tokens,
        num_drafted_tokens=tally.num_drafted_tokens,
        num_accepted_tokens=tally.num_accepted_tokens,
        draft=tenant.draft,
        draft_problem=tenant.draft_problem,
        abilities=_abilities(facts),
        embedding_dimensions=facts.embedding_width,
        template_overridden=tenant.is_template_overridden,
        projector=tenant.projector.name,
        projector_problem=tenant.projector_problem,
        projector_sha256=tenant.projector.sha256,
        pool_bytes=broker.loading.vault.pool.usage().get(tenant.model, (0, 0))[1],
        num_restored=tenant.num_restored,
        num_leases=len(place.leases),
        leaves_for=place.leaves_for,
        kept_until=moment(place.kept_until or None),
        memory=render_memory.resident_lines(tenant),
        num_trips=tenant.conduct.tripped.total,
        trips=str(tenant.conduct.tripped),
        shrunk=tenant.plan.shrunk if tenant.plan is not None else "",
    )


def pool(broker: Broker) -> Iterator[daemon_pb2.PoolUse]:
    """What is kept of models that left memory."""
    for model, (num, num_bytes) in broker.loading.vault.pool.usage().items():
        yield daemon_pb2.PoolUse(model=model, num_prefixes=num, num_bytes=num_bytes)


def _abilities(facts: Ready) -> list[models_pb2.Ability]:
    is_for_vectors = not facts.can_generate
    able = {
        models_pb2.ABILITY_GENERATE: facts.can_generate,
        models_pb2.ABILITY_CHAT: facts.can_generate and facts.has_template,
        models_pb2.ABILITY_INFILL: facts.can_generate and facts.has_infill,
        models_pb2.ABILITY_EMBED: facts.embedding_width > 0,
        models_pb2.ABILITY_SEE: facts.can_generate and facts.sees,
        models_pb2.ABILITY_HEAR: facts.can_generate and facts.hears,
        models_pb2.ABILITY_RERANK: facts.has_ranking or (is_for_vectors and facts.embedding_width > 0),
    }
    return [ability for ability, is_able in able.items() if is_able]
