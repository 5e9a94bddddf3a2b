"""One model in memory: its worker's process, the link to it, and the sessions it is answering.

Must let go of every session when the worker dies, and tell it how that came. Made by loading.py; kept by
tenancy.py; course.py brings the sessions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hobd.broker.conduct import Conduct
from hobd.broker.death import WorkerDied
from hobd.broker.exit_status import describe_exit
from hobd.broker.fit import Plan
from hobd.broker.link import Link
from hobd.broker.projector import Projector
from hobd.broker.questions import Question, Questions, R
from hobd.broker.recovery import Loss
from hobd.broker.refusal import load_failure, refusal
from hobd.broker.request import AppliedLora
from hobd.broker.session import Session
from hobd.broker.supervisor import WorkerProcess
from hobd.broker.trips import Trips
from hobd.broker.vault import Handover
from hobd.broker.watchdog import Watchdog
from hobd.wire import messages as m
from hobd.wire.framing import WireError

_STOP_SECONDS = 2.0
Word = TypeVar("Word", m.Hello, m.Ready)


class Resident:
    """`load` it, then `answer` sessions on it until `gone`."""

    def __init__(
        self,
        model: str,
        sha256: str,
        process: WorkerProcess,
        on_progress: Callable[[str, float], None],
        step_timeout_seconds: float,
        trips: Trips | None = None,
    ) -> None:
        self.model = model
        self.sha256 = sha256
        self.process = process
        self.degraded = ""
        self.draft = ""  # the model that guesses for it
        self.why_no_draft = ""  # as far as the broker knows
        self.adapters: dict[str, str] = {}  # digests by name
        self.projector = Projector()
        self.is_template_overridden = False
        self.plan: Plan | None = None  # what was reserved for it, and what it got less of
        self.engine_build = ""
        self.sandbox = ""
        self.handover: Handover | None = None  # what it inherits and leaves
        self.num_restored = 0
        self.loaded_at = time.time()
        self.idle_since: float | None = self.loaded_at
        self.load_ms = 0
        self.num_tokens_generated = 0
        self.tally = m.Tally()
        self.departed = asyncio.Event()  # set by who keeps it, when its place is cleared
        self.idle = asyncio.Event()
        self.idle.set()
        self._on_progress = on_progress
        self._adapter = 0  # the last one that the worker began to read
        self._link = Link(process.sock, self._on_message, self._on_broken)
        self.conduct = Conduct(model, sha256, process, trips or Trips(), self._link)
        self._broken = asyncio.Event()
        self._broken_reason = ""
        self._stop_reason = ""
        self._hang = ""  # set when it was killed for its silence
        self._watchdog = Watchdog(step_timeout_seconds, self._on_silence)
        self._num_computed = 0  # prompt tokens, and the time they took
        self._prefill_us = 0
        self._end_of_life = ""  # set when nothing will be answered any more
        self._hello: asyncio.Future[m.Hello] = asyncio.get_running_loop().create_future()
        self._ready: asyncio.Future[m.Ready] = asyncio.get_running_loop().create_future()
        self._sessions: dict[int, Session] = {}
        self._questions = Questions(model)

    @property
    def facts(self) -> m.Ready:
        """Only after `load` returned."""
        return self._ready.result()

    @property
    def draft_problem(self) -> str:
        """Why the draft that its sidecar names does not guess; empty if it does, or there is none."""
        return self.why_no_draft or self.facts.draft_problem or self.tally.draft_problem

    @property
    def projector_problem(self) -> str:
        """Why it sees and hears nothing though there is a projector; empty if it does, or there is none."""
        return self.projector.problem or self.facts.projector_problem

    @property
    def is_leaving(self) -> bool:
        """It was told to stop, and hears nothing else any more."""
        return bool(self._stop_reason)

    @property
    def has_hung(self) -> bool:
        return bool(self._hang)

    @property
    def kv_seconds(self) -> float:
        """What it would take to compute again what its caches hold."""
        return self.tally.cached_cells * self._prefill_us / max(1, self._num_computed) / 1e6

    def digests(self, adapters: Iterable[str]) -> tuple[str | None, ...]:
        """Of all that makes the model's answers with these adapters what they are."""
        seeing = (self.projector.sha256 or None,) if self.projector.name else ()
        return (self.sha256, *seeing, *(self.adapters.get(name) for name in adapters))

    # ------------------------------------------------------------------ life

    async def hello(self) -> m.Hello:
        """Connects the link and waits for the worker's first word. Raises WorkerDied."""
        await self.process.connect(self._link)
        hello = await self._or_death(self._hello)
        if hello.wire_version != m.WIRE_VERSION:
            raise WorkerDied(0, self._link.phase, f"it speaks version {hello.wire_version} of the wire")
        self.engine_build, self.sandbox = hello.engine_build, hello.sandbox
        return hello

    async def load(self, settings: m.Load, descriptors: Sequence[int]) -> None:
        """Returns when the model answers. Raises ModelUnusable, OutOfMemory or WorkerDied."""
        self.degraded = settings.degraded
        self.is_template_overridden = settings.template is not None
        self._link.send_first(settings, descriptors)
        await self._or_death(self._ready)

    def restore(self, restored: Sequence[m.Restore]) -> None:
        """The worker, which has not answered anybody yet, takes over what an earlier one computed."""
        for each in restored:
            self._link.send(each)
        self.num_restored = len(restored)

    def set_stash(self, is_open: bool) -> None:
        """Whether it may keep prefixes beside its KV cache."""
        self._link.send(m.SetStash(is_open))

    async def gone(self) -> int:
        """Waits for the end of the worker, lets go of what it left undone, returns its exit status."""
        status = await self.process.wait()
        try:
            # All it said before it died is in the socket; the end of the stream comes after that.
            async with asyncio.timeout(1):
                await self._broken.wait()
        except TimeoutError:
            self._link.close()
        self.conduct.end(status)
        if self.handover is not None:
            is_faulty = self._broken_reason or self.conduct.tripped.total
            self.handover.end(is_sound=bool(self._stop_reason) and not is_faulty)
        how = self._stop_reason or self._hang or f"its worker was {describe_exit(status)}"
        if self._broken_reason:
            how = f"its worker broke the contract ({self._broken_reason}) and was killed"
        self._lose_all(self.conduct.condemnation or how)
        return status

    async def stop(self, reason: str) -> None:
        """Ends the worker; sessions still on it are lost for `reason`. Returns when its memory is free. What
        it leaves until then is kept, but nobody waits for more of it than for the worker itself.
        """
        self._stop_reason = reason
        self._link.send(m.Stop(self.handover.keep_ms if self.handover else 0))
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    # ------------------------------------------------------------------ work

    async def answer(self, session: Session) -> Loss | None:
        """Runs a session until it is over, or until this worker is lost to it: then says how.

        Cancelled, it cancels the work in the worker too.
        """
        session.loss = None
        session.at_rest.clear()
        self._sessions[session.id] = session
        self._note_use()
        if self._end_of_life:
            self._lose_all(self._end_of_life)
        elif not self._broken.is_set():
            session.submitted(time.monotonic())
            self._link.send(session.submission())
        try:
            await session.at_rest.wait()
        finally:
            # Whoever is still listed was not ended by the worker.
            if self._sessions.pop(session.id, None) is not None:
                self._link.send(m.Cancel(session.id))
            self._note_use()
        return session.loss

    def cut(self, session: Session) -> None:
        """The session's time is up: its End will come with what there is."""
        session.is_cut_by_deadline = True
        self._link.send(m.Cancel(session.id))

    def end(self, session: Session, end: m.End) -> None:
        """Closes a session with a receipt that says who answered."""
        session.end(
            end,
            time.monotonic(),
            model=self.model,
            model_sha256=self.sha256,
            engine_build=self.engine_build,
            degraded=bool(self.degraded),
            is_ranking=self.facts.has_ranking,
            loras=tuple(
                AppliedLora(lora.name, lora.scale, self.adapters.get(lora.name, ""))
                for lora in session.request.loras
            ),
        )

    async def ask(self, question: Question, kind: type[R]) -> R:
        """One question to the tokenizer or template. Raises what the worker refuses it with."""
        future = self._questions.add(question.id, kind)
        self._watchdog.watch(True)
        if self._end_of_life:
            self._lose_all(self._end_of_life)
        self._link.send(question)
        try:
            reply = await future
        finally:
            self._questions.drop(question.id)
            self._watchdog.watch(bool(self._sessions or self._questions))
        assert isinstance(reply, kind)
        return reply

    def _note_use(self) -> None:
        self._watchdog.watch(bool(self._sessions or self._questions))
        if self._sessions:
            self.idle.clear()
            self.idle_since = None
        else:
            self.idle.set()
            self.idle_since = time.time()

    # ------------------------------------------------------------------ what the worker says

    def _on_message(self, message: m.Message) -> None:
        self._watchdog.heard()
        match message:
            case m.Step():
                self._on_step(message)
            case m.Vectors():
                if (session := self._sessions.get(message.id)) is not None:
                    session.vectors(message.vectors, self.facts.embedding_width, time.monotonic())
            case m.Admitted():
                if (session := self._sessions.get(message.id)) is not None:
                    session.admitted(message, time.monotonic())
            case m.Refused():
                self._on_refused(message)
            case m.Tokens() | m.Text() | m.Rendered() | m.Forgotten() | m.Attested():
                self._questions.answer(message)
            case m.Kept():
                self._on_kept(message)
            case m.Hello():
                self._hello.set_result(message)
            case m.Loading():
                self._on_progress("loading", message.fraction)
            case m.Probing():
                self._on_progress("probing", 1.0)
            case m.LoadingAdapter():
                self._adapter = message.number
            case m.LoadingProjector() | m.LoadingDraft():
                self._on_progress("loading", 0.0)
            case m.Ready():
                self.conduct.require_enclosed()
                self.sandbox = message.sandbox
                self._ready.set_result(message)
            case m.LoadFailed():
                self._ready.set_exception(load_failure(message, self.model))

    def _on_step(self, step: m.Step) -> None:
        sessions, now = self._sessions, time.monotonic()
        for id in step.begun:
            if (session := sessions.get(id)) is not None:
                session.begin(now)
        for delta in step.deltas:
            self.num_tokens_generated += delta.num_tokens
            if (session := sessions.get(delta.id)) is not None:
                if len(session.history.tokens) + delta.num_tokens > self.facts.context_tokens:
                    raise WireError("more tokens of an answer than its context holds")
                session.delta(delta, now)
        for end in step.ends:
            self._num_computed += max(0, end.num_prompt_tokens - end.num_cached_tokens)
            self._prefill_us += end.prefill_us
            if (session := sessions.get(end.id)) is not None:
                self.end(session, end)
                del sessions[end.id]
        self.tally = step.tally

    def _on_refused(self, message: m.Refused) -> None:
        error = refusal(message, self.model)
        if (session := self._sessions.pop(message.id, None)) is not None:
            session.fail(error)
        else:
            self._questions.refuse(message.id, error)

    def _on_kept(self, message: m.Kept) -> None:
        if self.handover is None or not self._stop_reason:
            raise WireError("a Kept that nobody asked for")
        self.handover.note(message)

    # ------------------------------------------------------------------ endings

    def _on_broken(self, reason: str) -> None:
        self._broken_reason = reason
        self._broken.set()
        self.process.kill()

    def _on_silence(self, seconds: float) -> None:
        self._hang = f"its worker did not get on for {seconds:g} s and was killed"
        self.process.kill()

    async def _or_death(self, future: asyncio.Future[Word]) -> Word:
        """The future's result, or WorkerDied when the worker ends first."""
        broken = asyncio.ensure_future(self._broken.wait())
        try:
            await asyncio.wait((future, broken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            broken.cancel()
        if not future.done():
            future.cancel()
            status = await self.process.wait()
            self.conduct.end(status).require_good()
            raise WorkerDied(status, self._link.phase, self._broken_reason, self._adapter)
        return future.result()

    def _lose_all(self, how: str) -> None:
        self._end_of_life = how
        now, sessions = time.monotonic(), list(self._sessions.values())
        num_at_work = sum(session.history.is_at_work for session in sessions) + len(self._questions)
        for session in sessions:
            verdict = session.history.lose(now, is_alone=num_at_work == session.history.is_at_work)
            session.lose(Loss(how, bool(self._stop_reason), verdict, bool(self.conduct.condemnation)))
        self._questions.lose_all(how)
