"""A daemon without a model: says on a real socket what a test tells it to say.

Must never decide anything: answers come from the test's script. Used by the tests of hob_client and hob_cli.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from grpclib.const import Status
from grpclib.server import Server
from hob.v1 import daemon_pb2, doors_pb2, inference_pb2, models_pb2
from hob.v1.daemon_grpc import DaemonServiceBase
from hob.v1.doors_grpc import DoorServiceBase
from hob.v1.inference_grpc import InferenceServiceBase
from hob.v1.models_grpc import ModelServiceBase

HANG = object()  # in a script: say nothing more until the client goes away
WAIT_SECONDS = 10.0


class Refusal(Exception):
    """In a script: end the call with this error, as the daemon does."""

    def __init__(self, status: Status, message: str, detail: daemon_pb2.ErrorDetail | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail


class FakeDaemon:
    """`script`: what Generate and Chat say, in order. `refusal`: what every other call ends with, if set."""

    def __init__(self, path: Path, *script: Any, refusal: Refusal | None = None) -> None:
        self.path = path
        self.script = script or tell("Hello", ", hob!")
        self.refusal = refusal
        self.requests: list[Any] = []
        self.was_cancelled = threading.Event()
        self._is_up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(WAIT_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._gone.set)
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._gone = asyncio.Event()
        server = _Server([_Inference(self), _Models(self), _Daemon(self), _Doors(self)])
        self.path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.path))
            await server.start(sock=listener)
            self._is_up.set()
            await self._gone.wait()
            await server.hang_up(listener)
        self.path.unlink(missing_ok=True)

    async def play(self, stream: Any, response: type[Any]) -> None:
        """Say the script to a call of Generate or Chat."""
        self.requests.append(await stream.recv_message())
        try:
            for step in self.script:
                if isinstance(step, Refusal):
                    await _refuse(stream, step)
                    return
                if isinstance(step, threading.Event):  # the test says when it goes on
                    await asyncio.to_thread(step.wait, WAIT_SECONDS)
                    continue
                if step is HANG:
                    await asyncio.Event().wait()
                await stream.send_message(response(event=step))
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise

    async def answer(self, stream: Any, *messages: Any) -> None:
        self.requests.append(await stream.recv_message())
        if self.refusal is not None:
            await _refuse(stream, self.refusal)
            return
        for message in messages:
            await stream.send_message(message)


def tell(*texts: str, finish_reason: str = "EOS") -> tuple[inference_pb2.Event, ...]:
    """The events of a good answer."""
    pb = inference_pb2
    deltas = (pb.Event(delta=pb.TokenDelta(text=text, num_tokens=1)) for text in texts)
    reason = pb.FinishReason.Value(f"FINISH_REASON_{finish_reason}")
    receipt = pb.Receipt(
        request_id="r1", model="tiny", seed=7, num_completion_tokens=len(texts), decode_ms=10
    )
    done = pb.Done(answers=[pb.AnswerEnd(finish_reason=reason)], receipt=receipt)
    return (pb.Event(started=pb.Started(request_id="r1", model="tiny")), *deltas, pb.Event(done=done))


def refusal(code: str, message: str, **detail: Any) -> Refusal:
    """An error with its detail, by the short name of its code."""
    number = daemon_pb2.ErrorCode.Value(f"ERROR_CODE_{code.upper()}")
    return Refusal(Status.FAILED_PRECONDITION, message, daemon_pb2.ErrorDetail(code=number, **detail))


async def _refuse(stream: Any, refusal: Refusal) -> None:
    metadata = {}
    if refusal.detail is not None:
        metadata["hob-error-bin"] = refusal.detail.SerializeToString()
    await stream.send_trailing_metadata(
        status=refusal.status, status_message=refusal.message, metadata=metadata
    )


class _Server(Server):
    """Ends its connections when it closes, as the end of a process does."""

    def __init__(self, handlers: list[Any]) -> None:
        super().__init__(handlers)
        self._lines: list[Any] = []

    def _protocol_factory(self) -> Any:
        self._lines.append(super()._protocol_factory())
        return self._lines[-1]

    async def hang_up(self, listener: socket.socket) -> None:
        # asyncio cannot close a server while a connection is being accepted: first no more of them, then
        # a round of the loop for the last one's transport, and a round for its protocol.
        asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.close()
        for line in self._lines:
            line.connection.close()
        await self.wait_closed()
        await asyncio.sleep(0)  # transports close themselves in the loop's next round


class _Inference(InferenceServiceBase):
    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon

    async def Generate(self, stream: Any) -> None:
        await self._daemon.play(stream, inference_pb2.GenerateResponse)

    async def Chat(self, stream: Any) -> None:
        await self._daemon.play(stream, inference_pb2.ChatResponse)

    async def Tokenize(self, stream: Any) -> None:
        await self._daemon.answer(stream, inference_pb2.TokenizeResponse(ids=[1, 2, 3]))

    async def Detokenize(self, stream: Any) -> None:
        await self._daemon.answer(stream, inference_pb2.DetokenizeResponse(text="abc"))

    async def ApplyTemplate(self, stream: Any) -> None:
        await self._daemon.answer(stream, inference_pb2.ApplyTemplateResponse(prompt="<u>hi", num_tokens=4))

    async def Infill(self, stream: Any) -> None:
        await self._daemon.play(stream, inference_pb2.InfillResponse)

    async def Embed(self, stream: Any) -> None:
        pb = inference_pb2
        stage = pb.Progress.STAGE_PREFILL
        await self._daemon.answer(
            stream,
            pb.EmbedResponse(embedding=pb.Embedding(input=1, values=[0.0, 1.0], num_tokens=3)),
            pb.EmbedResponse(progress=pb.Progress(stage=stage, fraction=0.5)),
            pb.EmbedResponse(embedding=pb.Embedding(input=0, values=[1.0, 0.25], num_tokens=2)),
            pb.EmbedResponse(receipt=pb.Receipt(request_id="r1", model="tiny", num_prompt_tokens=5)),
        )

    async def Rerank(self, stream: Any) -> None:
        pb = inference_pb2
        ranking = [pb.RankedDocument(document=1, score=0.5), pb.RankedDocument(document=0, score=-0.25)]
        receipt = pb.Receipt(request_id="r1", model="tiny")
        await self._daemon.answer(
            stream, pb.RerankResponse(ranking=ranking, receipt=receipt, method=pb.RERANK_METHOD_COSINE)
        )


RESIDENT = models_pb2.Resident(
    model="tiny",
    residency=models_pb2.RESIDENCY_READY,
    worker_pid=42,
    resident_bytes=100 << 20,
    context_tokens=2048,
    num_lanes=4,
    num_running=1,
    num_queued=2,
    used_cells=10,
    total_cells=8192,
    num_threads=2,
    degraded="no AMX",
    sandbox="landlock+seccomp",
    draft="tinier",
    draft_problem="no model is called so",
    abilities=[models_pb2.ABILITY_GENERATE, models_pb2.ABILITY_EMBED],
    embedding_dimensions=2,
    num_leases=1,
    leaves_for="other",
)


class _Models(ModelServiceBase):
    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon

    async def ListModels(self, stream: Any) -> None:
        tiny = models_pb2.Model(name="tiny", file_bytes=1 << 20, residency=models_pb2.RESIDENCY_READY)
        tiny.adapters.add(name="story", file_bytes=1 << 10)
        big = models_pb2.Model(name="big", aliases=["b"], residency=models_pb2.RESIDENCY_ABSENT)
        await self._daemon.answer(stream, models_pb2.ListModelsResponse(models=[tiny, big]))

    async def GetModel(self, stream: Any) -> None:
        await self._daemon.answer(stream, models_pb2.GetModelResponse())

    async def LoadModel(self, stream: Any) -> None:
        stage = inference_pb2.Progress.STAGE_LOADING
        progress = models_pb2.LoadModelResponse(progress=inference_pb2.Progress(stage=stage, fraction=0.5))
        await self._daemon.answer(stream, progress, models_pb2.LoadModelResponse(loaded=RESIDENT))

    async def UnloadModel(self, stream: Any) -> None:
        await self._daemon.answer(
            stream, models_pb2.UnloadModelResponse(was_resident=True, freed_bytes=5 << 20)
        )

    async def ForgetCache(self, stream: Any) -> None:
        await self._daemon.answer(stream, models_pb2.ForgetCacheResponse(num_prefixes=2, freed_bytes=7 << 20))

    async def TuneModel(self, stream: Any) -> None:
        await self._daemon.answer(stream, models_pb2.TuneModelResponse())

    async def PinModel(self, stream: Any) -> None:
        await self._daemon.answer(stream, models_pb2.PinModelResponse())

    async def VerifyModel(self, stream: Any) -> None:
        verified = models_pb2.Verified(sha256="ab", recorded=True)
        await self._daemon.answer(stream, models_pb2.VerifyModelResponse(verified=verified))

    async def ReleaseModel(self, stream: Any) -> None:
        await self._daemon.answer(stream, models_pb2.ReleaseModelResponse(reasons=["it was kept"]))


class _Daemon(DaemonServiceBase):
    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon

    async def GetStatus(self, stream: Any) -> None:
        door = daemon_pb2.Door(name="owner", path=str(self._daemon.path), mode=0o600)
        status = daemon_pb2.GetStatusResponse(version="0.1.0", pid=7, doors=[door], residents=[RESIDENT])
        status.started_at.FromSeconds(1_700_000_000)
        status.memory.add(device="ram", budget_bytes=4 << 30, free_bytes=-(1 << 30))
        status.waiting.add(model="other", num_requests=3).since.FromSeconds(1_700_000_000)
        status.loading_models.append("arriving")
        await self._daemon.answer(stream, status)

    async def WatchEvents(self, stream: Any) -> None:
        happening = daemon_pb2.WatchEventsResponse(kind="model_evicted", model="tiny", reason="room")
        happening.beneficiary, happening.num_bytes = "other", 5 << 20
        await self._daemon.answer(stream, happening)

    async def Attest(self, stream: Any) -> None:
        evidence = daemon_pb2.Evidence(property="no_network", subject="daemon", held=True, observed="EACCES")
        await self._daemon.answer(stream, daemon_pb2.AttestResponse(evidence=[evidence], all_held=True))

    async def GetWires(self, stream: Any) -> None:
        wire = daemon_pb2.Wire(name="telemetry", state="absent", reaches="nothing", evidence="no program")
        told = daemon_pb2.GetWiresResponse(wires=[wire], offline=True, offline_decided_by="default")
        await self._daemon.answer(stream, told)

    async def GetPrivacy(self, stream: Any) -> None:
        place = daemon_pb2.DataPlace(data="prompts", place="memory", lasts="until its request ends")
        await self._daemon.answer(stream, daemon_pb2.GetPrivacyResponse(places=[place]))

    async def Drain(self, stream: Any) -> None:
        await self._daemon.answer(stream, daemon_pb2.DrainResponse(num_finished=1))


class _Doors(DoorServiceBase):
    """The owner's door, and the gateway's at the same place."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon

    async def ListDoors(self, stream: Any) -> None:
        doors = [daemon_pb2.Door(name=name, path=str(self._daemon.path)) for name in ("owner", "gateway")]
        opened = [doors_pb2.OpenDoor(door=door) for door in doors]
        await self._daemon.answer(stream, doors_pb2.ListDoorsResponse(doors=opened))

    async def AddDoor(self, stream: Any) -> None:
        raise NotImplementedError

    RemoveDoor = TestDoor = ReloadConfig = AddDoor
