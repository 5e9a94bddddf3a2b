"""Questions to a worker that have one short answer, such as what a text is in tokens.

Must give each its answer, its refusal, or the reason why there is none. Kept by resident.py.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from hobd.errors import HobError, WorkerCrashed
from hobd.wire import messages as m
from hobd.wire.framing import WireError

Question = m.Question
Reply = m.Tokens | m.Text | m.Rendered | m.Forgotten | m.Attested
R = TypeVar("R", m.Tokens, m.Text, m.Rendered, m.Forgotten, m.Attested)


class Questions:
    """By id, each with the kind of answer that it may have."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._open: dict[int, tuple[type[Reply], asyncio.Future[Reply]]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, id: int, kind: type[R]) -> asyncio.Future[Reply]:
        """Its answer; `drop` it in any case."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._open[id] = (kind, future)
        return future

    def drop(self, id: int) -> None:
        self._open.pop(id, None)

    def answer(self, message: Reply) -> None:
        """Raises WireError for an answer of another kind. One whose caller has gone is nobody's."""
        question = self._open.get(message.id)
        if question is None or question[1].done():
            return
        if not isinstance(message, question[0]):
            raise WireError(f"a {type(message).__name__} where a {question[0].__name__} was asked for")
        question[1].set_result(message)

    def refuse(self, id: int, error: HobError) -> None:
        question = self._open.get(id)
        if question is not None and not question[1].done():
            question[1].set_exception(error)

    def lose_all(self, how: str) -> None:
        for _, future in list(self._open.values()):
            if not future.done():
                future.set_exception(
                    WorkerCrashed(f"the question was lost because {how}; ask again", model=self._model)
                )
