"""ModelService: convert, one broker call, convert.

Must hold no state and no decision. Called by api/host.py for each call on a door.
"""

from __future__ import annotations

import asyncio
import functools

from hob.v1 import models_pb2 as pb
from hob.v1.models_grpc import ModelServiceBase

from hobd.api import convert, render, render_memory, tuning
from hobd.api.gate import Gate
from hobd.api.host import Call, rpc
from hobd.api.render_admission import admission as render_admission
from hobd.broker import examining
from hobd.broker.admission import Admission
from hobd.broker.appraisal import Appraisal, Appraiser
from hobd.broker.broker import Broker
from hobd.broker.forgetting import forget
from hobd.door.policy import Grants
from hobd.errors import InvalidRequest, ModelUnusable, NotPermitted
from hobd.store.catalog import Entry


class ModelService(ModelServiceBase):
    def __init__(self, broker: Broker, appraiser: Appraiser, gate: Gate, admission: Admission) -> None:
        self._broker = broker
        self._gate = gate
        self._appraiser = appraiser
        self._admission = admission
        self._tuning = broker.loading.tuning

    @rpc
    async def ListModels(self, call: Call[pb.ListModelsRequest, pb.ListModelsResponse]) -> None:
        entries = self._gate.entries(call.grants)
        models = [render.model(entry, self._broker) for entry in entries]
        for model, entry in zip(models, entries, strict=True):
            model.quarantined = examining.quarantined(self._admission, entry)
        await call.send(pb.ListModelsResponse(models=models))

    @rpc
    async def GetModel(self, call: Call[pb.GetModelRequest, pb.GetModelResponse]) -> None:
        entry = self._gate.entry(call.grants, call.request.model)
        response = pb.GetModelResponse(model=render.model(entry, self._broker))
        for resident in self._broker.tenancy.residents:
            if resident.model == entry.name:
                response.resident.CopyFrom(render.resident(resident, self._broker))
                if not self._gate.shows(call.grants, response.resident.leaves_for):
                    response.resident.leaves_for = ""
        try:
            appraisal = await self._appraise(entry)
        except ModelUnusable as error:
            response.problem = error.message
        else:
            response.estimate.extend(render_memory.account_lines(appraisal.asked))
            response.facts.extend(render_memory.facts(appraisal))
            response.plan.CopyFrom(self._plan(entry, appraisal, call.grants))
        await asyncio.to_thread(self._tell_admission, response, entry)
        same = [name for name in response.same_digest if self._gate.shows(call.grants, name)]
        response.same_digest[:] = same
        await call.send(response)

    def _tell_admission(self, response: pb.GetModelResponse, entry: Entry) -> None:
        broker = self._broker
        examined = examining.examine(self._admission, entry, broker.catalog, broker.config)
        response.admission.extend(map(render_admission, examined))
        response.model.quarantined = examined[0].quarantined
        response.same_digest.extend(examining.same_digest(self._admission, entry, broker.catalog.entries()))

    @rpc
    async def LoadModel(self, call: Call[pb.LoadModelRequest, pb.LoadModelResponse]) -> None:
        if not call.request.dry_run:
            trial = tuning.settings_of(call.request.trial)
            if trial.named() and not call.grants.is_owner:
                raise NotPermitted("only the owner's door may load a model for a trial")
            with self._gate.managed(call, call.request.model) as entry:
                with self._tuning.trial(entry, trial, is_resident=self._is_there(entry)):
                    await self._load(entry, call)
            return
        entry = self._gate.entry(call.grants, call.request.model)
        plan = self._plan(entry, await self._appraise(entry), call.grants)
        await call.send(pb.LoadModelResponse(plan=plan))

    async def _load(self, entry: Entry, call: Call[pb.LoadModelRequest, pb.LoadModelResponse]) -> None:
        steps: asyncio.Queue[pb.LoadModelResponse] = asyncio.Queue()
        keep_seconds = convert.keep_alive(call.request)

        def on_progress(stage: str, fraction: float, num_ahead: int = 0, /) -> None:
            steps.put_nowait(pb.LoadModelResponse(progress=render.progress(stage, fraction, num_ahead)))

        async def tell() -> None:
            while True:
                await call.send(await steps.get())

        teller = asyncio.create_task(tell())
        try:
            if call.request.pin:
                self._broker.pin(entry.name, True)
            async with self._broker.loaded(entry.name, on_progress, keep_seconds=keep_seconds) as resident:
                teller.cancel()
                await asyncio.wait((teller,))
                await call.send(pb.LoadModelResponse(loaded=render.resident(resident, self._broker)))
        finally:
            teller.cancel()

    async def _appraise(self, entry: Entry) -> Appraisal:
        """Raises ModelUnusable."""
        return await asyncio.to_thread(
            self._appraiser.appraise,
            entry,
            self._broker.catalog,
            self._tuning.apply(entry, self._broker.config),
        )

    def _plan(self, entry: Entry, appraisal: Appraisal, grants: Grants) -> pb.Plan:
        tenancy = self._broker.tenancy
        residents = tenancy.residents
        pinned = {r.model for r in residents if tenancy.residency.tenant(r.model).pinned}
        plan = render_memory.plan(entry.name, appraisal, residents, pinned)
        plan.evicts[:] = [model for model in plan.evicts if self._gate.shows(grants, model)]
        return plan

    @rpc
    async def UnloadModel(self, call: Call[pb.UnloadModelRequest, pb.UnloadModelResponse]) -> None:
        with self._gate.managed(call, call.request.model) as entry:
            freed = await self._broker.unload(entry.name, force=call.request.force)
        await call.send(pb.UnloadModelResponse(was_resident=freed is not None, freed_bytes=freed or 0))

    @rpc
    async def PinModel(self, call: Call[pb.PinModelRequest, pb.PinModelResponse]) -> None:
        with self._gate.managed(call, call.request.model) as entry:
            self._broker.pin(entry.name, call.request.pinned)
        await call.send(pb.PinModelResponse())

    @rpc
    async def VerifyModel(self, call: Call[pb.VerifyModelRequest, pb.VerifyModelResponse]) -> None:
        entry, accepts = self._gate.entry(call.grants, call.request.model), call.request.accept
        if accepts and not call.grants.is_owner:
            raise NotPermitted("only the owner's door may accept a file that is not what it was")
        accept = functools.partial(self._admission.accept, accepts=accepts)
        sha256 = await asyncio.to_thread(accept, entry)
        beside = (entry.projector,) if entry.projector is not None else ()
        for file in (*entry.adapters, *beside):
            await asyncio.to_thread(accept, file)
        is_recorded = bool(entry.sha256 or self._admission.pins.of(entry.path))
        await call.send(pb.VerifyModelResponse(verified=pb.Verified(sha256=sha256, recorded=is_recorded)))

    @rpc
    async def ReleaseModel(self, call: Call[pb.ReleaseModelRequest, pb.ReleaseModelResponse]) -> None:
        entry = self._broker.resolve(call.request.model)
        reasons = await asyncio.to_thread(examining.release, self._admission, entry, self._broker.catalog)
        await call.send(pb.ReleaseModelResponse(reasons=reasons))

    @rpc
    async def TuneModel(self, call: Call[pb.TuneModelRequest, pb.TuneModelResponse]) -> None:
        request, told = call.request, pb.TuneModelResponse(fixed=sorted(self._tuning.fixed))
        changes = request.forget or request.HasField("remember")
        if changes and not request.model:
            raise InvalidRequest("a tuning is of one model; name it")
        entries = [self._broker.resolve(request.model)] if request.model else self._broker.catalog.entries()
        if changes:
            settings = tuning.settings_of(request.remember)
            with self._gate.managed(call, request.model) as entry:
                self._tuning.forget(entry) if request.forget else self._tuning.remember(entry, settings)
        for entry in entries:
            if (tuned := self._tuning.of(entry)) is not None:
                told.tunings.append(tuning.tuning(entry.name, tuned))
        await call.send(told)

    def _is_there(self, entry: Entry) -> bool:
        return any(resident.model == entry.name for resident in self._broker.tenancy.residents)

    @rpc
    async def ForgetCache(self, call: Call[pb.ForgetCacheRequest, pb.ForgetCacheResponse]) -> None:
        if call.request.model:
            call.request.model = self._gate.entry(call.grants, call.request.model).name
        wish = convert.forget_request(call.request, self._broker.config, call.caller.key)
        num, num_bytes = await forget(self._broker, wish)
        await call.send(pb.ForgetCacheResponse(num_prefixes=num, freed_bytes=num_bytes))
