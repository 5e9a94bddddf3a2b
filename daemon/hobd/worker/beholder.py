"""Has the views of prompts encoded, on a thread of its own: seconds of a projector stall nobody's tokens.

Must hold no request's views longer than until it goes on. Embeddings of late are kept, each within its
domain, so that a conversation about one picture computes it once. Made and called by intake.py.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from hobd.worker.engine import EngineError, Projector
from hobd.worker.views import View

#: Of embeddings that are kept; one picture has a few.
KEPT_BYTES = 64 << 20
Then = Callable[[str, bool], None]


@dataclass(slots=True, eq=False)
class _Task:
    id: int
    domain: str
    views: Collection[View] = field(repr=False)
    then: Then = field(repr=False)
    is_cancelled: bool = False


class Beholder:
    """One request after another. `cancel` may be called from another thread than `behold`."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self._kept: OrderedDict[tuple[str, int], Any] = OrderedDict()  # what was wanted last comes last
        self._kept_bytes = 0
        self._tasks: dict[int, _Task] = {}
        self._queue: SimpleQueue[_Task] = SimpleQueue()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="beholder", daemon=True).start()

    def behold(self, id: int, domain: str, views: Collection[View], then: Then) -> None:
        """Calls `then` when all views are encoded: with a problem, or an empty text, and whether it was
        cancelled. After that a cancellation is the loop's business."""
        task = _Task(id, domain, views, then)
        with self._lock:
            self._tasks[id] = task
        self._queue.put(task)

    def cancel(self, id: int) -> None:
        """It ends before its next view."""
        with self._lock:
            if (task := self._tasks.get(id)) is not None:
                task.is_cancelled = True

    def _run(self) -> None:
        while True:
            task = self._queue.get()
            problem = self._encode(task)
            with self._lock:  # whoever cancels comes before this, or finds it in the loop
                del self._tasks[task.id]
                task.then(problem, task.is_cancelled)

    def _encode(self, task: _Task) -> str:
        for view in task.views:
            if task.is_cancelled:
                break
            key = (task.domain, view.tokens.start)
            if key in self._kept:
                self._kept.move_to_end(key)
                view.embeddings, view.chunk = self._kept[key], None
                continue
            try:
                self._projector.encode(view)
            except EngineError as error:
                return str(error)
            except MemoryError:
                return "there is no memory to look at the image or hear the sound; send a smaller one"
            if task.domain:  # the domain "" leaves nothing
                self._keep(key, view.embeddings)
        return ""

    def _keep(self, key: tuple[str, int], embeddings: Any) -> None:
        self._kept[key] = embeddings
        self._kept_bytes += embeddings.nbytes
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
