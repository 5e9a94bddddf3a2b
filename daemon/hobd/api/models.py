"""ModelService: convert, one broker call, convert.

Must hold no state and no decision. Called by api/host.py for each call on a door.
"""

from __future__ import annotations

import asyncio
import functools

from hob.v1 import models_pb2 as pb
from hob.v1.models_grpc import ModelServiceBase

from hobd.api import convert, render, render_memory
from hobd.api.host import Call, rpc
from hobd.api.render_admission import admission as render_admission
from hobd.broker import examining
from hobd.broker.admission import Admission
from hobd.broker.appraisal import Appraisal, Appraiser
from hobd.broker.broker import Broker
from hobd.broker.forgetting import forget
from hobd.errors import ModelUnusable
from hobd.store.catalog import Entry


class ModelService(ModelServiceBase):
    def __init__(self, broker: Broker, appraiser: Appraiser, admission: Admission) -> None:
        self._broker = broker
        self._appraiser = appraiser
        self._admission = admission

    @rpc
    async def ListModels(self, call: Call[pb.ListModelsRequest, pb.ListModelsResponse]) -> None:
        self._broker.catalog.scan()
        entries = self._broker.catalog.entries()
        models = [render.model(entry, self._broker) for entry in entries]
        for model, entry in zip(models, entries, strict=True):
            model.quarantined = examining.quarantined(self._admission, entry)
        await call.send(pb.ListModelsResponse(models=models))

    @rpc
    async def GetModel(self, call: Call[pb.GetModelRequest, pb.GetModelResponse]) -> None:
        entry = self._broker.resolve(call.request.model)
        response = pb.GetModelResponse(model=render.model(entry, self._broker))
        for resident in self._broker.tenancy.residents:
            if resident.model == entry.name:
                response.resident.CopyFrom(render.resident(resident, self._broker))
        try:
            appraisal = await self._appraise(entry)
        except ModelUnusable as error:
            response.problem = error.message
        else:
            response.estimate.extend(render_memory.account_lines(appraisal.asked))
            response.facts.extend(render_memory.facts(appraisal))
            response.plan.CopyFrom(self._plan(entry, appraisal))
        await asyncio.to_thread(self._tell_admission, response, entry)
        await call.send(response)

    def _tell_admission(self, response: pb.GetModelResponse, entry: Entry) -> None:
        broker = self._broker
        examined = examining.examine(self._admission, entry, broker.catalog, broker.config)
        response.admission.extend(map(render_admission, examined))
        response.model.quarantined = examined[0].quarantined
        response.same_digest.extend(examining.same_digest(self._admission, entry, broker.catalog.entries()))

    @rpc
    async def LoadModel(self, call: Call[pb.LoadModelRequest, pb.LoadModelResponse]) -> None:
        request = call.request
        if request.dry_run:
            entry = self._broker.resolve(request.model)
            await call.send(pb.LoadModelResponse(plan=self._plan(entry, await self._appraise(entry))))
            return
        steps: asyncio.Queue[pb.LoadModelResponse] = asyncio.Queue()

        keep_seconds = convert.keep_alive(request)

        def on_progress(stage: str, fraction: float, num_ahead: int = 0, /) -> None:
            steps.put_nowait(pb.LoadModelResponse(progress=render.progress(stage, fraction, num_ahead)))

        async def tell() -> None:
            while True:
                await call.send(await steps.get())

        teller = asyncio.create_task(tell())
        try:
            if request.pin:
                self._broker.pin(request.model, True)
            async with self._broker.loaded(request.model, on_progress, keep_seconds=keep_seconds) as resident:
                teller.cancel()
                await asyncio.wait((teller,))
                await call.send(pb.LoadModelResponse(loaded=render.resident(resident, self._broker)))
        finally:
            teller.cancel()

    async def _appraise(self, entry: Entry) -> Appraisal:
        """Raises ModelUnusable."""
        return await asyncio.to_thread(
            self._appraiser.appraise, entry, self._broker.catalog, self._broker.config
        )

    def _plan(self, entry: Entry, appraisal: Appraisal) -> pb.Plan:
        tenancy = self._broker.tenancy
        residents = tenancy.residents
        pinned = {r.model for r in residents if tenancy.residency.tenant(r.model).pinned}
        return render_memory.plan(entry.name, appraisal, residents, pinned)

    @rpc
    async def UnloadModel(self, call: Call[pb.UnloadModelRequest, pb.UnloadModelResponse]) -> None:
        freed = await self._broker.unload(call.request.model, force=call.request.force)
        await call.send(pb.UnloadModelResponse(was_resident=freed is not None, freed_bytes=freed or 0))

    @rpc
    async def PinModel(self, call: Call[pb.PinModelRequest, pb.PinModelResponse]) -> None:
        self._broker.pin(call.request.model, call.request.pinned)
        await call.send(pb.PinModelResponse())

    @rpc
    async def VerifyModel(self, call: Call[pb.VerifyModelRequest, pb.VerifyModelResponse]) -> None:
        entry, accepts = self._broker.resolve(call.request.model), call.request.accept
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
    async def ForgetCache(self, call: Call[pb.ForgetCacheRequest, pb.ForgetCacheResponse]) -> None:
        num, num_bytes = await forget(self._broker, convert.forget_request(call.request, self._broker.config))
        await call.send(pb.ForgetCacheResponse(num_prefixes=num, freed_bytes=num_bytes))
