"""Several answers to one prompt, as one stream: a session for each, all of them or none.

Must change nothing for a request that wants one answer. Called by api/inference.py.

The worker computes what prompts have in common once (its prefix cache lets those that arrive together wait
for the first), so the sessions need not know of each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

import msgspec

from hobd.broker.broker import Broker, OnEnd
from hobd.broker.request import Event, Finished, Receipt, Request, TokenDelta, ToolCallDelta


@asynccontextmanager
async def answers(
    broker: Broker, request: Request, on_end: OnEnd | None = None
) -> AsyncIterator[AsyncGenerator[Event, None]]:
    """The events of a request's answers; leaving the block early cancels all of them.

    `on_end` is told of each session when it is over.

    Raises:
        Draining, Busy, ModelNotFound, ModelUnusable: at once, before anything was started.
    """
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(broker.session(one, on_end)) for one in _split(request)]
        streams = [await stack.enter_async_context(aclosing(session.events())) for session in sessions]
        if len(streams) == 1:
            yield streams[0]
            return
        yield await stack.enter_async_context(aclosing(_merged(streams)))


def _split(request: Request) -> list[Request]:
    """One request for each answer. The first has the seed that was asked for, each other the next one."""
    sampling = request.sampling
    seeds = [(sampling.seed + number) % (1 << 64) for number in range(request.num_answers)]
    return [replace(request, sampling=msgspec.structs.replace(sampling, seed=seed)) for seed in seeds]


async def _merged(streams: list[AsyncGenerator[Event, None]]) -> AsyncGenerator[Event, None]:
    """What comes from any of them, until all have finished. Raises the first error that ends one."""
    events: asyncio.Queue[tuple[int, Event | Exception]] = asyncio.Queue(len(streams))
    tasks = [asyncio.create_task(_pass_on(n, stream, events)) for n, stream in enumerate(streams)]
    finished: dict[int, Finished] = {}
    try:
        while len(finished) < len(streams):
            number, event = await events.get()
            if isinstance(event, Exception):
                raise event
            if isinstance(event, Finished):
                finished[number] = event
            elif isinstance(event, TokenDelta | ToolCallDelta):
                yield replace(event, answer=number)
            elif number == 0:
                yield event  # what is said of one is true of all
        yield _together([finished[number] for number in range(len(streams))])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _pass_on(
    number: int, stream: AsyncGenerator[Event, None], events: asyncio.Queue[tuple[int, Event | Exception]]
) -> None:
    try:
        async for event in stream:
            await events.put((number, event))
    except Exception as error:  # the reader raises it
        await events.put((number, error))


def _together(finished: list[Finished]) -> Finished:
    """The ends of all, and one receipt: the prompt counts once, times are those of the slowest."""
    receipts = [each.receipt for each in finished]

    whole: Receipt = replace(
        receipts[0],
        num_completion_tokens=sum(receipt.num_completion_tokens for receipt in receipts),
        queue_ms=max(receipt.queue_ms for receipt in receipts),
        load_ms=max(receipt.load_ms for receipt in receipts),
        prefill_ms=max(receipt.prefill_ms for receipt in receipts),
        decode_ms=max(receipt.decode_ms for receipt in receipts),
        resumed=any(receipt.resumed for receipt in receipts),
    )
    return replace(finished[0], receipt=whole, others=tuple(finished[1:]))
