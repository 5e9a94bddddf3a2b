"""InferenceService: convert, one broker call, convert.

Must hold no state and no decision. Called by api/host.py for each call on a door.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from hob.v1 import inference_pb2 as pb
from hob.v1.inference_grpc import InferenceServiceBase

from hobd.api import convert, convert_texts, render
from hobd.api.host import Call, rpc
from hobd.broker.broker import Broker
from hobd.broker.request import Request
from hobd.broker.several import answers
from hobd.wire import messages as m


class InferenceService(InferenceServiceBase):
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @rpc
    async def Generate(self, call: Call[pb.GenerateRequest, pb.GenerateResponse]) -> None:
        request = convert.generate_request(call.request, self._broker.config)
        await self._stream(request, call, pb.GenerateResponse)

    @rpc
    async def Chat(self, call: Call[pb.ChatRequest, pb.ChatResponse]) -> None:
        request = convert.chat_request(call.request, self._broker.config)
        await self._stream(request, call, pb.ChatResponse)

    async def _stream(self, request: Request, call: Call[Any, Any], response: Callable[..., object]) -> None:
        """All events of a request. When the caller goes, this task is cancelled and its sessions with it."""
        async with answers(self._broker, request) as events:
            async for event in events:
                await call.send(response(event=render.event(event)))

    @rpc
    async def Tokenize(self, call: Call[pb.TokenizeRequest, pb.TokenizeResponse]) -> None:
        request = call.request
        convert.check_bytes(len(request.text.encode()), self._broker.config)
        reply = await self._broker.ask(
            request.model,
            lambda id: m.Tokenize(id, request.text, request.add_special, request.parse_special),
            m.Tokens,
        )
        await call.send(pb.TokenizeResponse(ids=reply.tokens))

    @rpc
    async def Detokenize(self, call: Call[pb.DetokenizeRequest, pb.DetokenizeResponse]) -> None:
        request = call.request
        ids = convert.token_ids("ids", request.ids, self._broker.config)
        reply = await self._broker.ask(request.model, lambda id: m.Detokenize(id, ids), m.Text)
        await call.send(pb.DetokenizeResponse(text=reply.text))

    @rpc
    async def ApplyTemplate(self, call: Call[pb.ApplyTemplateRequest, pb.ApplyTemplateResponse]) -> None:
        chat = call.request.chat
        prompt = convert.chat_prompt(chat, self._broker.config)
        reply = await self._broker.ask(chat.model, lambda id: m.Render(id, prompt), m.Rendered)
        await call.send(
            pb.ApplyTemplateResponse(
                prompt=reply.text, num_tokens=reply.num_tokens, template_sha256=reply.template_sha256
            )
        )

    @rpc
    async def Infill(self, call: Call[pb.InfillRequest, pb.InfillResponse]) -> None:
        request = convert_texts.infill_request(call.request, self._broker.config)
        await self._stream(request, call, pb.InfillResponse)

    @rpc
    async def Embed(self, call: Call[pb.EmbedRequest, pb.EmbedResponse]) -> None:
        request = convert_texts.embed_request(call.request, self._broker.config)
        async with self._broker.session(request) as session, aclosing(session.events()) as events:
            async for event in events:
                for response in render.embed_responses(event):
                    await call.send(response)

    @rpc
    async def Rerank(self, call: Call[pb.RerankRequest, pb.RerankResponse]) -> None:
        request = convert_texts.rerank_request(call.request, self._broker.config)
        async with self._broker.session(request) as session, aclosing(session.events()) as events:
            heard = [event async for event in events]
        await call.send(render.ranking(heard, convert.optional(call.request, "top_n")))
