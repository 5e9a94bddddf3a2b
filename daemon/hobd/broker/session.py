"""One caller's generation or batch of vectors under way: events in from the worker, out to the caller.

Must hold the only text of the answer in this process and drop it as it is read; the ids of its tokens stay
until it is over, so that another worker can go on. Made by broker.py; taken from worker to worker by
course.py; fed by resident.py; read by api/inference.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from hobd.broker.deltas import joined, told_parts
from hobd.broker.recovery import History, Loss, Stage
from hobd.broker.request import (
    AppliedLora,
    Embedded,
    Event,
    Finished,
    Progress,
    Receipt,
    Request,
    Started,
    TokenDelta,
    Warned,
)
from hobd.errors import Busy, HobError, WorkerCrashed
from hobd.wire import messages as m
from hobd.wire.framing import WireError


class Session:
    """Bounded by what it carries: adjacent deltas become one, and an answer ends with its context."""

    def __init__(self, id: int, request: Request) -> None:
        self.id = id
        self.request_id = f"r{id:x}"
        self.request = request
        self.history = History()
        self.has_begun = False  # it had a lane
        self.is_over = False
        self.at_rest = asyncio.Event()  # no worker is at it: it is over, or was lost
        self.loss: Loss | None = None
        self.on_trusted: Callable[[], None] = _ignore
        self.is_cut_by_deadline = False
        self.load_ms = 0  # waiting for the model at first
        self.outcome = "cancelled"  # until it ends otherwise: a finish reason, or the error's class
        self.receipt: Receipt | None = None  # once it has ended well
        self._events: deque[Event] = deque()
        self._error: HobError | None = None
        self._wake = asyncio.Event()
        self._admitted: m.Admitted | None = None
        self._inputs_told: set[int] = set()

    def __repr__(self) -> str:
        return f"Session({self.request_id})"

    def wipe(self) -> None:
        """After its end. Tokens are overwritten; texts cannot be in Python, and are let go of."""
        self._events.clear()
        self.history.wipe()

    @property
    def is_admitted(self) -> bool:
        """Whether a worker understood the prompt and counted it."""
        return self._admitted is not None

    @property
    def num_tokens(self) -> tuple[int, int]:
        """Of its prompt, and of its answer so far; vectors have none."""
        prompt = self._admitted.num_prompt_tokens if self._admitted else 0
        return prompt, 0 if self.request.num_inputs is not None else self.history.num_told

    def submission(self) -> m.Submit:
        """What a worker needs to answer it, from the beginning or from where another one was."""
        request, told = self.request, self.history.tokens
        return m.Submit(
            self.id,
            request.prompt,
            request.sampling,
            request.limits,
            request.priority,
            request.truncation,
            caller=request.caller,
            domain=request.domain,
            resume=m.Resume(told.tolist()) if told else None,
            constraint=request.constraint,
            loras=request.loras,
        )

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

    def progress(self, stage: str, fraction: float, num_ahead: int = 0, /) -> None:
        self._push(Progress(stage, fraction, num_ahead))

    def started(self, model: str, now: float) -> None:
        self.history.enter(Stage.AWAY, now)
        self._push(Started(self.request_id, model))

    def submitted(self, now: float) -> None:
        """A worker gets it, for the first time or anew."""
        self.history.enter(Stage.INTAKE, now)

    def admitted(self, message: m.Admitted, now: float) -> None:
        for notice in () if self._admitted else message.notices:
            self._push(Warned(notice.code, notice.message))
        first, self._admitted = self._admitted or message, message
        # The same request makes the same prompt. If not, what was told does not belong to this one.
        if message != first:
            self.fail(
                WorkerCrashed(
                    f"request {self.request_id} cannot go on after its worker died: its prompt became "
                    f"another ({first.num_prompt_tokens} tokens, now {message.num_prompt_tokens}); ask again"
                )
            )
        self.history.enter(Stage.QUEUED, now)
        self.progress("prefill", 0.0)

    def begin(self, now: float) -> None:
        self.has_begun = True
        self.history.enter(Stage.PREFILL, now)

    def delta(self, delta: m.Delta, now: float) -> None:
        if self.request.num_inputs is not None:
            raise WireError("text for a request that asked for vectors")
        if self.history.tell(delta.tokens, now):
            self.on_trusted()
        if delta.parts is None:
            self._push(TokenDelta(delta.text, delta.num_tokens, delta.logprobs))
        else:
            for event in told_parts(delta):
                self._push(event)

    def vectors(self, vectors: list[m.Vector], own_width: int, now: float) -> None:
        """Inputs that are done. Another worker would not compute them again. Raises WireError."""
        num_inputs = self.request.num_inputs or 0
        size = 4 * self.request.width(own_width)
        for vector in vectors:
            if vector.input >= num_inputs or vector.input in self._inputs_told or len(vector.values) != size:
                raise WireError("a vector that nobody asked for")
            self._inputs_told.add(vector.input)
        if self.history.tell([vector.input for vector in vectors], now):
            self.on_trusted()
        self._push(Embedded(vectors))
        self.progress("prefill", len(self._inputs_told) / num_inputs)

    def lose(self, loss: Loss) -> None:
        """Its worker is gone; another one may go on."""
        self.loss = loss
        self.at_rest.set()

    def end(
        self,
        end: m.End,
        now: float,
        *,
        model: str,
        model_sha256: str,
        engine_build: str,
        degraded: bool,
        is_ranking: bool = False,
        loras: tuple[AppliedLora, ...] = (),
    ) -> None:
        """The last word: the counts of the receipt."""
        if self.is_over:
            return
        if self.request.num_inputs is not None and not self._is_complete():
            return
        admitted, history = self._admitted, self.history
        history.enter(Stage.AWAY, now)
        load_ms = self.load_ms + history.spent_ms(Stage.AWAY)
        queue_ms, prefill_ms, decode_ms = self._worker_times(end)
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
            queue_ms=load_ms + queue_ms,
            load_ms=load_ms,
            prefill_ms=prefill_ms,
            decode_ms=decode_ms,
            num_dropped_tokens=admitted.num_dropped_tokens if admitted else 0,
            num_media_tokens=admitted.num_media_tokens if admitted else 0,
            resumed=history.num_deaths > 0,
            degraded=degraded,
            loras=loras,
            client_request_id=self.request.client_request_id,
        )
        self.receipt = receipt
        reason = "deadline" if self.is_cut_by_deadline and end.reason == "cancelled" else end.reason
        self._push(Finished(reason, end.stop, receipt, is_ranking))
        self.outcome = reason
        self._close()

    def end_so_far(self) -> m.End:
        """What a worker would say to end it now, if it had one."""
        return m.End(
            id=self.id,
            reason="cancelled",
            stop="",
            num_prompt_tokens=self._admitted.num_prompt_tokens if self._admitted else 0,
            num_cached_tokens=0,
            num_completion_tokens=len(self.history.tokens),
            queue_us=0,
            prefill_us=0,
            decode_us=0,
        )

    def fail(self, error: HobError) -> None:
        """Ends the session with an error, unless it is over already."""
        if not self.is_over:
            self._error = error
            self.outcome = type(error).__name__
            self._close()

    # ------------------------------------------------------------------ private steps

    def _worker_times(self, end: m.End) -> tuple[int, int, int]:
        """Milliseconds in its queue, in prefill and in decode; of several workers the last knows its own."""
        spent = self.history.spent_ms
        if self.history.num_losses:
            return spent(Stage.INTAKE, Stage.QUEUED), spent(Stage.PREFILL), spent(Stage.DECODE)
        return end.queue_us // 1000, end.prefill_us // 1000, end.decode_us // 1000

    def _is_complete(self) -> bool:
        """Whether all vectors were told; if not, that is an error, for a part of them is no result."""
        done, num_inputs = len(self._inputs_told), self.request.num_inputs or 0
        if done == num_inputs:
            return True
        if not self.is_cut_by_deadline:
            raise WireError("an end before the last vector")
        self.fail(
            Busy(
                f"{done} of {num_inputs} inputs were done within the {self.request.max_total_ms} ms "
                "that the request allows; send fewer, or allow more"
            )
        )
        return False

    def _close(self) -> None:
        self.is_over = True
        self.at_rest.set()
        self._wake.set()

    def _push(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _next_event(self) -> Event:
        """The next event; all deltas that wait travel as one, since a message costs more than its tokens."""
        events = self._events
        event = events.popleft()
        return joined(event, events) if events else event


def _ignore() -> None:
    """Nobody waits for it to be trusted."""
