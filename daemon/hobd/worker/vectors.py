"""The loop's second kind of work: steps that turn texts into vectors, beside those that make answers.

Must leave the steps of answers to the scheduler, and take no more of a step than Share allows. Made and
called by loop.py, on its thread.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

from hobd.wire import messages as m
from hobd.worker.embed import Item, Part, Share, commit, pack
from hobd.worker.embedder import Embedder, Span
from hobd.worker.engine import MemoryShort
from hobd.worker.pooling import Array
from hobd.worker.vector_job import NotNumbers, VectorJob


class VectorWork:
    """All requests for vectors. What becomes of them goes to `send`; their ends are handed to the loop."""

    def __init__(self, embedder: Embedder, send: Callable[[m.Message], None], *, chunk_tokens: int) -> None:
        self._embedder = embedder
        self._send = send
        self._share = Share(embedder.batch_tokens, chunk_tokens)
        self._jobs: dict[int, VectorJob] = {}
        self._arrivals = itertools.count(1)

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def num_running(self) -> int:
        return sum(job.is_begun for job in self._jobs.values())

    @property
    def num_queued(self) -> int:
        return len(self) - self.num_running

    def submit(self, job: VectorJob) -> m.End | None:
        """The job's end if there is nothing to compute."""
        if not job.todo:
            return job.end("eos", time.monotonic_ns())
        job.arrival = next(self._arrivals)
        self._jobs[job.id] = job
        return None

    def cancel(self, id: int) -> m.End | None:
        job = self._jobs.pop(id, None)
        return None if job is None else job.end("cancelled", time.monotonic_ns())

    # ------------------------------------------------------------------ one step

    def plan(self, answering: int | None) -> list[Part]:
        """What to compute beside answers whose best class is `answering`; empty: nothing now."""
        if not self._jobs:
            return []
        jobs = sorted(self._jobs.values(), key=_turn)
        budget = self._share.budget(answering, jobs[0].priority)
        if not budget:
            return []
        embedder = self._embedder
        return pack(_candidates(jobs), budget=budget, num_slots=embedder.num_slots, can_cut=embedder.can_cut)

    def start(self, parts: list[Part]) -> list[int]:
        """The requests that begin with this step."""
        now_ns = time.monotonic_ns()
        return [part.item.owner for part in parts if self._jobs[part.item.owner].start(now_ns)]

    def compute(self, parts: list[Part]) -> list[m.End]:
        """Computes a step, tells what it brought, returns the ends. Raises Interrupted or EngineError."""
        is_ranking = self._jobs[parts[0].item.owner].wish.is_ranking
        spans = [
            Span(
                part.slot,
                part.start,
                part.item.tokens[part.start : part.start + part.count],
                len(part.item.tokens),
            )
            for part in parts
        ]
        try:
            rows = self._embedder.compute(spans, is_ranking=is_ranking)
        except MemoryShort as error:
            # The others of this step come again without it.
            longest = max(parts, key=lambda part: len(part.item.tokens)).item.owner
            self._refuse(longest, "OutOfMemory", f"{error}; send shorter texts")
            return []
        commit(parts)
        self._tell(parts, rows)
        return self._take_ends({part.item.owner for part in parts})

    def _tell(self, parts: list[Part], rows: list[Array]) -> None:
        told: dict[int, list[m.Vector]] = {}
        for part, part_rows in zip(parts, rows, strict=True):
            job = self._jobs.get(part.item.owner)
            if job is None:
                continue  # refused for what another part of this step brought
            try:
                vector = job.take(part, part_rows)
            except NotNumbers:
                sentence = "the model's vectors are not numbers; its file may be damaged, fetch it again"
                self._refuse(job.id, "ModelUnusable", sentence)
                continue
            if vector is not None:
                told.setdefault(job.id, []).append(vector)
        for id, vectors in told.items():
            self._send(m.Vectors(id, vectors))

    def _take_ends(self, ids: set[int]) -> list[m.End]:
        now_ns = time.monotonic_ns()
        done = [self._jobs.pop(id) for id in ids if id in self._jobs and not self._jobs[id].todo]
        return [job.end("eos", now_ns) for job in done]

    def _refuse(self, id: int, error: str, message: str) -> None:
        del self._jobs[id]
        self._send(m.Refused(id, error, message[:1000]))


def _turn(job: VectorJob) -> tuple[int, int, int]:
    """Who goes next: the better class, then who got least so far, then who came first."""
    return (job.priority, job.num_computed, job.arrival)


def _candidates(jobs: list[VectorJob]) -> Iterator[Item]:
    """The items of a step in their order: what was cut goes on, then all of its kind by turns of requests."""
    cut = next((job for job in jobs if job.todo[0].slot is not None), None)
    if cut is not None:
        yield cut.todo[0]
    # A step either ranks or does not: these are two graphs.
    is_ranking = (cut or jobs[0]).wish.is_ranking
    for job in jobs:
        if job.wish.is_ranking == is_ranking:
            yield from (item for item in job.todo if item.slot is None)
