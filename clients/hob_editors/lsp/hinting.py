"""From a place in a text to hints for it: what is known already, or one request that everything may end.

Must never ask for a text that is excluded, nor while hob is off, nor twice for what is being answered.
Called by server.py.

    request ─> excluded? ─> known (typed on)? ─> wait a moment ─> does the run under way say so? ─> a new run
                                                   └ a newer request, or the editor's cancel, ends the wait

One run is under way at most. It ends, at the daemon too, when what is typed is not what it says, or when
nobody waits for it. While it is being typed it is let finish, and what it says is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from hob_client.errors import HobError

from hob_editors.lsp.daemon import GapRequest
from hob_editors.lsp.documents import Document, Gap, Place
from hob_editors.lsp.hints import Hint, Hints
from hob_editors.lsp.pace import Pace
from hob_editors.lsp.ring import Piece, Ring
from hob_editors.lsp.settings import Settings
from hob_editors.lsp.trimming import trim, wants_many_lines

CHUNK_LINES = 64
NUM_ALTERNATIVES = 3
_FAR_LINES = 48  # from where one was before: somewhere else


class Filler(Protocol):
    """The part of the daemon that hints need."""

    @property
    def is_resting(self) -> bool: ...
    def fill(self, gap: GapRequest) -> AsyncGenerator[tuple[int, str], None]: ...


class Run:
    """One request at the daemon."""

    __slots__ = ("answers", "gap", "is_followed", "many_lines", "num_waiting", "task", "uri")

    def __init__(self, uri: str, gap: Gap, *, many_lines: bool) -> None:
        self.uri = uri
        self.gap = gap
        self.many_lines = many_lines
        self.answers: dict[int, str] = {}
        self.num_waiting = 0
        self.is_followed = False  # what it says was typed since somebody waited for it
        self.task: asyncio.Task[None] | None = None

    def allows(self, uri: str, before: str, after: str) -> bool:
        """Whether a text may still become what this run says: some of it came, and was typed."""
        said = self.answers.get(0, "")
        if uri != self.uri or not said or not before.startswith(self.gap.before):
            return False
        return after == self.gap.after and said.startswith(before[len(self.gap.before) :])

    def is_for(self, uri: str, gap: Gap) -> bool:
        return (uri, gap.before, gap.after) == (self.uri, self.gap.before, self.gap.after)

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Hinter:
    """`excludes`: whether the file of a path must not be shown to a model."""

    def __init__(
        self,
        filler: Filler,
        excludes: Callable[[str], bool],
        *,
        name_of: Callable[[str], str] = lambda path: path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = Settings()
        self.is_on = True
        self.hints = Hints()
        self.ring = Ring()
        self.num_requests = 0  # that reached the daemon
        self._filler = filler
        self._excludes = excludes
        self._name_of = name_of
        self._clock = clock
        self._pace = Pace()
        self._run: Run | None = None
        self._turn = 0
        self._last: tuple[Document, Place] | None = None

    # ------------------------------------------------------------- hints

    def may_see(self, document: Document) -> bool:
        return self.is_on and self.settings.wants(document.language) and not self._excludes(document.path)

    async def hints_at(
        self, document: Document, place: Place, *, is_wished: bool = False
    ) -> tuple[Hint, ...]:
        """`is_wished`: the user asked for hints, so at once and more than one."""
        if not self.may_see(document):
            self.stop()
            return ()
        self._visit(document, place)
        gap = document.gap(place)
        if not gap.before.strip() and not gap.after.strip():
            return ()  # there is nothing to go by
        known = self.hints.find(document.uri, gap.before, gap.after)
        if known is not None and not (is_wished and len(known) < NUM_ALTERNATIVES):
            return known
        if self._filler.is_resting:
            return ()
        self._turn = turn = self._turn + 1
        version = document.version
        if not is_wished:
            if not self._is_answering(document.uri, gap):
                await asyncio.sleep(self._pace.delay_ms(self.settings.debounce_ms) / 1000)
            if turn != self._turn or version != document.version:
                return ()  # somebody asked later, or typed on
        run = self._join(document, gap, is_wished=is_wished)
        await self._wait(run)
        found = self.hints.find(document.uri, gap.before, gap.after) or ()
        return tuple(dict.fromkeys((*(known or ()), *found)))

    def known_at(self, document: Document, place: Place) -> tuple[Hint, ...]:
        """Without asking anybody."""
        if not self.may_see(document):
            return ()
        gap = document.gap(place)
        return self.hints.find(document.uri, gap.before, gap.after) or ()

    def changed(self, document: Document, place: Place) -> None:
        """Something was typed up to a place: a run that says otherwise is not worth finishing."""
        run = self._run
        if run is not None and run.uri == document.uri:
            gap = document.gap(place)
            if run.is_for(document.uri, gap):
                return
            run.is_followed = run.allows(document.uri, gap.before, gap.after)
            if not run.is_followed:
                self.stop()

    def stop(self) -> None:
        """End what is under way, at the daemon too."""
        self._turn += 1
        if self._run is not None:
            self._run.cancel()
            self._run = None

    # ------------------------------------------------------------- runs

    def _is_answering(self, uri: str, gap: Gap) -> bool:
        run = self._run
        return run is not None and (run.is_for(uri, gap) or run.allows(uri, gap.before, gap.after))

    def _join(self, document: Document, gap: Gap, *, is_wished: bool) -> Run:
        run = self._run
        if run is not None and not is_wished and self._is_answering(document.uri, gap):
            return run
        if run is not None:
            run.cancel()
        many_lines = wants_many_lines(gap, self.settings.multi_line)
        self._run = run = Run(document.uri, gap, many_lines=many_lines)
        run.task = asyncio.create_task(self._perform(run, self._request(document, run, is_wished)))
        return run

    async def _wait(self, run: Run) -> None:
        """Until it is over. Who is the last to leave ends it, unless what it says is being typed."""
        assert run.task is not None
        run.num_waiting += 1
        run.is_followed = False
        try:
            await asyncio.wait([run.task])
        finally:
            run.num_waiting -= 1
            if not run.task.done() and not run.num_waiting and not run.is_followed:
                run.cancel()

    async def _perform(self, run: Run, request: GapRequest) -> None:
        began = self._clock()
        self.num_requests += 1
        try:
            async with aclosing(self._filler.fill(request)) as pieces:
                async for number, text in pieces:
                    run.answers[number] = run.answers.get(number, "") + text
        except HobError:
            return  # told already
        finally:
            if self._run is run:
                self._run = None
        self._pace.note((self._clock() - began) * 1000)
        hints = [
            trim(run.answers[number], run.gap, many_lines=run.many_lines) for number in sorted(run.answers)
        ]
        self.hints.store(run.uri, run.gap.before, run.gap.after, [hint for hint in hints if hint.text])

    def _request(self, document: Document, run: Run, is_wished: bool) -> GapRequest:
        settings = self.settings
        files: dict[str, str] = {}
        if settings.context:
            files = self.ring.files(besides=document.uri, most_characters=settings.context_characters)
        return GapRequest(
            path=self._name_of(document.path),
            before=run.gap.before,
            after=run.gap.after,
            files=files,
            max_tokens=settings.max_tokens,
            stop=() if run.many_lines else ("\n",),
            num_answers=NUM_ALTERNATIVES if is_wished else 1,
        )

    # ------------------------------------------------------------- what was visited

    def _visit(self, document: Document, place: Place) -> None:
        """Where one was before, when one is somewhere else now."""
        if self._last is not None:
            before, at = self._last
            if before is not document or abs(at.line - place.line) > _FAR_LINES:
                self.remember(before, at.line)
        self._last = (document, place)

    def remember(self, document: Document, line: int) -> None:
        """Keeps the lines around one as context for other files, if they may be shown at all."""
        if document.path and self.settings.context and self.may_see(document):
            text = document.chunk(line, CHUNK_LINES)
            self.ring.visit(Piece(uri=document.uri, name=self._name_of(document.path), text=text))

    def saved(self, document: Document) -> None:
        if self._last is not None and self._last[0] is document:
            self.remember(document, self._last[1].line)

    def forget(self, document: Document) -> None:
        """A closed text stays as context; only what hangs on it goes."""
        if self._last is not None and self._last[0] is document:
            self.remember(document, self._last[1].line)
            self._last = None
