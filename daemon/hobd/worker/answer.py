"""One answer in the making: from sampled tokens to text, with the counts its receipt will show.

Must keep text back that may still become a stop string, and never log any. Made by intake.py, driven
by loop.py on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hobd.wire.messages import Delta, End, Limits, Logprob
from hobd.worker.engine import Sampler
from hobd.worker.sequence import EndReason, Sequence
from hobd.worker.speech import Speech
from hobd.worker.text import TextStream


class Answer:
    """What the loop keeps for one request. Times are monotonic nanoseconds."""

    __slots__ = (
        "_arrived_ns",
        "_first_token_ns",
        "_last_token_ns",
        "_logprobs",
        "_num_told",
        "_speech",
        "_started_ns",
        "_stop",
        "_stream",
        "_text",
        "_tokens",
        "is_cancelled",
        "is_silent",
        "num_logprobs",
        "sampler",
        "sequence",
    )

    def __init__(
        self,
        sequence: Sequence,
        sampler: Sampler | None,
        limits: Limits,
        *,
        now_ns: int,
        speech: Speech | None = None,
    ) -> None:
        """`speech` is for answers that may have reasoning or tool calls in them."""
        self.sequence = sequence
        self.sampler = sampler
        self.num_logprobs = limits.logprobs
        self._stream = TextStream(limits.stop)
        self._speech = speech
        self._stop = ""
        self._text = ""
        self.is_silent = True  # nothing of it was told yet
        self.is_cancelled = False  # before it came to the loop
        self._tokens: list[int] = []
        self._num_told = 0
        self._logprobs: list[Logprob] = []
        self._arrived_ns = now_ns
        self._started_ns = self._first_token_ns = self._last_token_ns = 0

    @property
    def fault(self) -> str:
        """Why its sampler cannot go on, in one sentence; empty while it can."""
        return self.sampler.fault if self.sampler is not None else ""

    def start(self, now_ns: int) -> bool:
        """Marks the first step that computes something of it. True at the first call only."""
        is_first = not self._started_ns
        if is_first:
            self._started_ns = now_ns
        return is_first

    def replay(self, tokens: Iterable[int], piece: Callable[[int], bytes]) -> None:
        """Takes over where another worker stopped, with all tokens that it told of."""
        # What they make certain was told with them; what they leave open is held back as it was.
        for token in tokens:
            if self._speech is None:
                self._stream.push(piece(token))
            else:
                self._speech.push(token, piece(token))
                self._speech.take_parts()
            self._num_told += 1

    def take(self, token: int, piece: bytes, logprob: Logprob | None, now_ns: int) -> bool:
        """Adds one token. True when a stop string is complete: nothing may follow."""
        if not self._first_token_ns:
            self._first_token_ns = now_ns
        self._last_token_ns = now_ns
        self._tokens.append(token)
        if logprob is not None:
            self._logprobs.append(logprob)
        if self._speech is not None:
            is_over = self._speech.push(token, piece)
            self._stop = self._speech.stop
            return is_over
        pushed = self._stream.push(piece)
        self._text += pushed.text
        self._stop = pushed.stopped or ""
        return pushed.stopped is not None

    def delta(self) -> Delta | None:
        """What became certain since the last call; None while all of it is held back."""
        return self._cut_delta() if self._has_news else None

    def end(self, reason: EndReason, now_ns: int) -> tuple[Delta | None, End]:
        """The last text and the final counts. Frees the sampler."""
        if reason is not EndReason.STOP:
            self._text += self._stream.flush()
            if self._speech is not None and self._speech.flush():
                reason, self._stop = EndReason.STOP, self._speech.stop
        last = self._cut_delta() if self._has_news or self._tokens else None
        if self.sampler is not None:
            self.sampler.close()
        return last, self._counts(reason, now_ns)

    @property
    def _has_news(self) -> bool:
        return bool(self._text) or (self._speech is not None and self._speech.has_parts)

    def _cut_delta(self) -> Delta:
        self._num_told += len(self._tokens)
        parts = None if self._speech is None else self._speech.take_parts()
        delta = Delta(self.sequence.id, self._text, self._logprobs, self._tokens, parts)
        self._text, self._logprobs, self._tokens = "", [], []
        self.is_silent = False
        return delta

    def _reason(self, reason: EndReason) -> str:
        """An answer that its model ended after calls waits for what they return."""
        is_models_own = reason is EndReason.EOS or (reason is EndReason.STOP and not self._stop)
        if is_models_own and self._speech is not None and self._speech.num_calls:
            return "tool_calls"
        return reason.value

    def _counts(self, reason: EndReason, now_ns: int) -> End:
        started = self._started_ns or now_ns
        first = self._first_token_ns or now_ns
        last = self._last_token_ns or first
        return End(
            id=self.sequence.id,
            reason=self._reason(reason),
            stop=self._stop,
            num_prompt_tokens=self.sequence.num_prompt,
            num_cached_tokens=self.sequence.num_cached,
            num_completion_tokens=self._num_told,
            queue_us=max(0, started - self._arrived_ns) // 1000,
            prefill_us=max(0, first - started) // 1000,
            decode_us=max(0, last - first) // 1000,
        )
