"""InferenceService: convert, ask the gate, one broker call, convert.

Must hold no state and no decision. Called by api/host.py for each call on a door.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

from hob.v1 import inference_pb2 as pb
from hob.v1.inference_grpc import InferenceServiceBase

from hobd.api import convert, convert_texts, render
from hobd.api.gate import Asked, Gate
from hobd.api.host import Call, rpc
from hobd.broker.broker import Broker
from hobd.broker.request import Event, Request
from hobd.broker.several import answers
from hobd.wire import messages as m

# Roles that say what somebody said; all others may say how to answer, to some template.
_TALKING = frozenset({"user", "assistant", "tool"})


class InferenceService(InferenceServiceBase):
    def __init__(self, broker: Broker, gate: Gate) -> None:
        self._broker = broker
        self._gate = gate

    @rpc
    async def Generate(self, call: Call[pb.GenerateRequest, pb.GenerateResponse]) -> None:
        request = convert.generate_request(call.request, self._broker.config, call.caller.key)
        await self._stream(request, call, pb.GenerateResponse)

    @rpc
    async def Chat(self, call: Call[pb.ChatRequest, pb.ChatResponse]) -> None:
        says_system = _says_system(call.request)
        if pinned := call.grants.terms.system_prompt:
            turn = pb.ChatMessage(role="system", content=[pb.ContentPart(text=pinned)])
            call.request.messages.insert(0, turn)
        request = convert.chat_request(call.request, self._broker.config, call.caller.key)
        await self._stream(request, call, pb.ChatResponse, says_system=says_system)

    async def _stream(
        self,
        request: Request,
        call: Call[Any, Any],
        response: Callable[..., object],
        *,
        says_system: bool = False,
    ) -> None:
        """All events of a request. When the caller goes, this task is cancelled and its sessions with it."""
        asked = Asked(
            priority=request.priority,
            max_tokens=request.limits.max_tokens,
            num_answers=request.num_answers,
            says_system=says_system,
            has_schema=request.constraint is not None and request.constraint.kind == "json_schema",
        )
        with self._gate.work(call, request.model, asked) as work:
            async with answers(self._broker, work.granted(request), work.on_end) as events:
                async for event in events:
                    await call.send(response(event=render.event(event)))

    @rpc
    async def Tokenize(self, call: Call[pb.TokenizeRequest, pb.TokenizeResponse]) -> None:
        request = call.request
        convert.check_bytes(len(request.text.encode()), self._broker.config)
        with self._gate.work(call, request.model) as work:
            reply = await self._broker.ask(
                work.entry.name,
                lambda id: m.Tokenize(id, request.text, request.add_special, request.parse_special),
                m.Tokens,
            )
        await call.send(pb.TokenizeResponse(ids=reply.tokens))

    @rpc
    async def Detokenize(self, call: Call[pb.DetokenizeRequest, pb.DetokenizeResponse]) -> None:
        ids = convert.token_ids("ids", call.request.ids, self._broker.config)
        with self._gate.work(call, call.request.model) as work:
            reply = await self._broker.ask(work.entry.name, lambda id: m.Detokenize(id, ids), m.Text)
        await call.send(pb.DetokenizeResponse(text=reply.text))

    @rpc
    async def ApplyTemplate(self, call: Call[pb.ApplyTemplateRequest, pb.ApplyTemplateResponse]) -> None:
        chat = call.request.chat
        prompt = convert.chat_prompt(chat, self._broker.config)
        with self._gate.work(call, chat.model) as work:
            reply = await self._broker.ask(work.entry.name, lambda id: m.Render(id, prompt), m.Rendered)
        await call.send(
            pb.ApplyTemplateResponse(
                prompt=reply.text, num_tokens=reply.num_tokens, template_sha256=reply.template_sha256
            )
        )

    @rpc
    async def Infill(self, call: Call[pb.InfillRequest, pb.InfillResponse]) -> None:
        request = convert_texts.infill_request(call.request, self._broker.config, call.caller.key)
        await self._stream(request, call, pb.InfillResponse)

    @rpc
    async def Embed(self, call: Call[pb.EmbedRequest, pb.EmbedResponse]) -> None:
        request = convert_texts.embed_request(call.request, self._broker.config, call.caller.key)

        async def tell(event: Event) -> None:
            for response in render.embed_responses(event):
                await call.send(response)

        await self._vectors(request, call, tell)

    @rpc
    async def Rerank(self, call: Call[pb.RerankRequest, pb.RerankResponse]) -> None:
        request = convert_texts.rerank_request(call.request, self._broker.config, call.caller.key)
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        await self._vectors(request, call, hear)
        await call.send(render.ranking(heard, convert.optional(call.request, "top_n")))

    async def _vectors(
        self, request: Request, call: Call[Any, Any], tell: Callable[[Event], Coroutine[Any, Any, None]]
    ) -> None:
        with self._gate.work(call, request.model, Asked(priority=request.priority)) as work:
            granted = work.granted(request)
            async with self._broker.session(granted, work.on_end) as session:
                async with aclosing(session.events()) as events:
                    async for event in events:
                        await tell(event)


def _says_system(request: pb.ChatRequest) -> bool:
    """Whether the request says how to answer, and not only what was said."""
    roles = {message.role for message in request.messages}
    return not roles <= _TALKING or bool(request.template_arguments)
