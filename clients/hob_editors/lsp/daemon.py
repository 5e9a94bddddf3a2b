"""The one connection to the daemon: which model is asked, what is asked of it, and how it stands.

Must never block the loop nor outlive a call that was cancelled, and never put what was said into an error.
Called by hinting.py, editing.py and talking.py.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from hob_client.async_client import AsyncClient
from hob_client.errors import Cancelled, DaemonStartFailed, DaemonUnreachable, HobError
from hob_client.events import Event

from hob_editors.lsp.models import Choice, choose
from hob_editors.lsp.state import Standing, State

_CHOICE_HOLDS_SECONDS = 20.0
_REST_SECONDS = 3.0  # before a daemon that is not there is looked for again
_WAITING = {"waiting_for_room", "verifying", "loading", "probing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRequest:
    """One gap to be filled."""

    path: str
    before: str = field(repr=False)
    after: str = field(repr=False)
    files: Mapping[str, str] = field(repr=False)
    max_tokens: int
    stop: tuple[str, ...] = ()
    num_answers: int = 1


class Told(Protocol):
    """Hears how things stand, and how a load gets on (None: it is over)."""

    def stands(self, standing: Standing) -> None: ...
    def loads(self, fraction: float | None) -> None: ...


class Daemon:
    """`wish`: the configured model, or empty."""

    def __init__(
        self,
        client: AsyncClient,
        told: Told,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wish = ""
        self.choice = Choice(name="")
        self._client = client
        self._told = told
        self._clock = clock
        self._chosen_at = float("-inf")
        self._down_until = float("-inf")

    async def close(self) -> None:
        await self._client.close()

    @property
    def is_resting(self) -> bool:
        """Nobody answered a moment ago: not worth a try at every keystroke."""
        return self._clock() < self._down_until

    def reconsider(self) -> None:
        """Choose anew at the next request."""
        self._chosen_at = self._down_until = float("-inf")

    async def look(self) -> None:
        """Chooses a model and tells how it stands. Raises HobError when nobody answers."""
        try:
            status = await self._client.status()
            models = await self._client.models()
        except HobError as error:
            self._tell_fault(error)
            raise
        self.choice = choose(self.wish, status.residents, models)
        self._chosen_at = self._clock()
        self._tell_standing()

    async def fill(self, gap: GapRequest) -> AsyncGenerator[tuple[int, str], None]:
        """Pieces of answers, each with the answer's number. Ends at the daemon when it is closed here.

        A model that was never shown a gap is not told about one, since small ones answer with talk: it
        continues what is before the gap.
        """
        await self._look_again()
        if self.choice.knows_gaps is not False:
            async with aclosing(self._heed(self._infill(gap))) as heeded:
                async for event in heeded:
                    if event.kind == "delta":
                        yield event.answer, event.text
                    elif event.kind == "warning" and event.code == "no_fim_tokens":
                        break
                else:
                    return
        if not gap.before.strip():
            return
        async with aclosing(self._heed(self._continue(gap))) as heeded:
            async for event in heeded:
                if event.kind == "delta":
                    yield event.answer, event.text

    def _infill(self, gap: GapRequest) -> AsyncGenerator[Event, None]:
        return self._client.infill(
            self.choice.name,
            gap.before,
            gap.after,
            path=gap.path,
            context_files=gap.files,
            max_tokens=gap.max_tokens,
            stop=gap.stop,
            priority_class="interactive",
            **_sampling(gap.num_answers),
        )

    def _continue(self, gap: GapRequest) -> AsyncGenerator[Event, None]:
        return self._client.generate(
            self.choice.name,
            gap.before,
            max_tokens=gap.max_tokens,
            stop=gap.stop,
            truncation_strategy="keep_end",
            priority_class="interactive",
            **_sampling(gap.num_answers),
        )

    async def chat(
        self, messages: Sequence[Mapping[str, Any]], **parameters: Any
    ) -> AsyncGenerator[str, None]:
        """Pieces of one answer to a conversation."""
        await self._look_again()
        events = self._client.chat(
            self.choice.name,
            messages,  # type: ignore[arg-type]
            priority_class="interactive",
            **parameters,
        )
        async with aclosing(self._heed(events)) as heeded:
            async for event in heeded:
                if event.kind == "delta" and not event.is_reasoning:
                    yield event.text

    async def _look_again(self) -> None:
        if self._clock() - self._chosen_at > _CHOICE_HOLDS_SECONDS:
            await self.look()

    async def _heed(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The events, after what they say of the model was told."""
        is_loading = False
        try:
            async with aclosing(events):
                async for event in events:
                    if event.kind == "progress" and event.stage in _WAITING:
                        is_loading = True
                        self._told.stands(Standing(state=State.LOADING, model=self.choice.name))
                        self._told.loads(event.fraction)
                    elif event.kind != "progress" and is_loading:
                        is_loading = False
                        self._told.loads(None)
                    self._learn(event)
                    yield event
        except HobError as error:
            self._tell_fault(error)
            raise
        finally:
            if is_loading:
                self._told.loads(None)

    def _learn(self, event: Event) -> None:
        choice = self.choice
        if event.kind == "started" and (not choice.is_loaded or choice.name != event.model):
            self.choice = Choice(
                name=self.wish or event.model,
                is_loaded=True,
                knows_gaps=choice.knows_gaps,
                suggestion=choice.suggestion,
                context_tokens=choice.context_tokens,
            )
            self._chosen_at = float("-inf")  # what it can do is known now that it is loaded
        elif event.kind == "warning" and event.code == "no_fim_tokens" and choice.knows_gaps is None:
            self.choice = Choice(
                name=choice.name, is_loaded=True, knows_gaps=False, suggestion=choice.suggestion
            )
        elif event.kind in ("delta", "done"):
            self._tell_standing()

    def _tell_standing(self) -> None:
        choice = self.choice
        state = State.NO_FIM if choice.knows_gaps is False else State.READY
        state, message = (State.FAILED, choice.problem) if choice.problem else (state, "")
        if state == State.NO_FIM and choice.suggestion:
            message = (
                f"the model {choice.name!r} was not trained to fill gaps; "
                f"set hob.model to {choice.suggestion!r}, which is here"
            )
        self._told.stands(Standing(state=state, model=choice.name, message=message))

    def _tell_fault(self, error: HobError) -> None:
        if isinstance(error, Cancelled):
            return
        is_down = isinstance(error, DaemonUnreachable | DaemonStartFailed)
        if is_down:
            self._down_until = self._clock() + _REST_SECONDS
        self._chosen_at = float("-inf")
        state = State.DAEMON_DOWN if is_down else State.FAILED
        self._told.stands(Standing(state=state, model=self.choice.name, message=error.message))


def _sampling(num_answers: int) -> dict[str, Any]:
    """One answer is the likeliest; several have to differ."""
    if num_answers == 1:
        return {"temperature": 0.0}
    return {"temperature": 0.7, "num_answers": num_answers}
