"""One caller's generation while it is under way: events in from the worker, out to the caller.

Must hold the only copy of the answer in this process and drop it as it is read. Made by broker.py; fed
by resident.py; read by api/inference.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from hobd.broker.request import Event, Finished, Progress, Receipt, Request, Started, TokenDelta
from hobd.errors import HobError
from hobd.wire import messages as m


class Session:
    """Bounded by what it carries: adjacent deltas become one, and an answer ends with its context."""

    def __init__(self, id: int, request: Request) -> None:
        self.id = id
        self.request_id = f"r{id:x}"
        self.request = request
        self.begun = asyncio.Event()  # first tokens were computed, or it is over
        self.ended = asyncio.Event()
        self.is_cut_by_deadline = False
        self.load_ms = 0  # waiting for the model
        self._events: deque[Event] = deque()
        self._error: HobError | None = None
        self._wake = asyncio.Event()
        self._admitted: m.Admitted | None = None

    def __repr__(self) -> str:
        return f"Session({self.request_id})"

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens, until Finished. Raises the HobError that ended the session."""
        while True:
            while not self._events:
                if self._error is not None:
                    raise self._error
                self._wake.clear()
                await self._wake.wait()
            event = self._next_event()
            yield event
            if isinstance(event, Finished):
                return

    # ------------------------------------------------------------------ what feeds it

    def progress(self, stage: str, fraction: float) -> None:
        self._push(Progress(stage, fraction))

    def started(self, model: str) -> None:
        self._push(Started(self.request_id, model))

    def admitted(self, message: m.Admitted) -> None:
        self._admitted = message

    def begin(self) -> None:
        self.begun.set()

    def delta(self, delta: m.Delta) -> None:
        self._push(TokenDelta(delta.text, delta.num_tokens, delta.logprobs))

    def end(self, end: m.End, *, model: str, model_sha256: str, engine_build: str, degraded: bool) -> None:
        """The worker's last word: the counts of the receipt."""
        admitted = self._admitted
        receipt = Receipt(
            request_id=self.request_id,
            model=model,
            model_sha256=model_sha256,
            template_sha256=admitted.template_sha256 if admitted else "",
            engine_build=engine_build,
            seed=self.request.sampling.seed,
            num_prompt_tokens=end.num_prompt_tokens,
            num_cached_tokens=end.num_cached_tokens,
            num_completion_tokens=end.num_completion_tokens,
            queue_ms=self.load_ms + end.queue_us // 1000,
            load_ms=self.load_ms,
            prefill_ms=end.prefill_us // 1000,
            decode_ms=end.decode_us // 1000,
            num_dropped_tokens=admitted.num_dropped_tokens if admitted else 0,
            degraded=degraded,
        )
        reason = "deadline" if self.is_cut_by_deadline and end.reason == "cancelled" else end.reason
        self._push(Finished(reason, end.stop, receipt))
        self._close()

    def fail(self, error: HobError) -> None:
        """Ends the session with an error, unless it is over already."""
        if not self.ended.is_set():
            self._error = error
            self._close()

    # ------------------------------------------------------------------ private steps

    def _close(self) -> None:
        self.begun.set()
        self.ended.set()
        self._wake.set()

    def _push(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _next_event(self) -> Event:
        """The next event; all deltas that wait travel as one, since a message costs more than its tokens."""
        events = self._events
        event = events.popleft()
        if isinstance(event, TokenDelta) and events and isinstance(events[0], TokenDelta):
            texts, count, logprobs = [event.text], event.num_tokens, list(event.logprobs)
            while events and isinstance(following := events[0], TokenDelta):
                texts.append(following.text)
                count += following.num_tokens
                logprobs += following.logprobs
                events.popleft()
            return TokenDelta("".join(texts), count, logprobs)
        return event
