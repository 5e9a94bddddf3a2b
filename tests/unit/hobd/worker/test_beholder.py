"""Views are encoded one after another, once for a domain, and not for who has gone."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import numpy as np
from hobd.worker.beholder import Beholder
from hobd.worker.engine import EngineError, Picture, Sound
from hobd.worker.views import View, stand_ins


class FakeProjector:
    """Waits for leave before each view, and counts."""

    sees, hears, sample_rate = True, True, 16_000

    def __init__(self) -> None:
        self.leave = threading.Semaphore(100)
        self.begun: SimpleQueue[View] = SimpleQueue()
        self.num_encoded = 0
        self.problem = ""

    def lay_out(self, medium: Picture | Sound) -> list[int | View]:
        raise AssertionError("nobody asks")

    def encode(self, view: View) -> None:
        self.begun.put(view)
        self.leave.acquire()
        if self.problem:
            raise EngineError(self.problem)
        self.num_encoded += 1
        view.embeddings = np.zeros((len(view), 4), np.float32)

    def close(self) -> None: ...


class Ends:
    """What became of requests, to be waited for."""

    def __init__(self) -> None:
        self._told: SimpleQueue[tuple[str, bool]] = SimpleQueue()

    def __call__(self, problem: str, is_cancelled: bool) -> None:
        self._told.put((problem, is_cancelled))

    def wait(self) -> tuple[str, bool]:
        return self._told.get(timeout=10)


def view(name: bytes = b"picture") -> View:
    return View(stand_ins(name.ljust(16), 3), 3)


def test_same_picture_is_encoded_once_in_a_domain() -> None:
    projector, ends = FakeProjector(), Ends()
    beholder = Beholder(projector)
    for id, domain in enumerate(("a", "a", "b", "", "")):
        seen = view()
        beholder.behold(id, domain, [seen], ends)
        assert ends.wait() == ("", False) and seen.embeddings.shape == (3, 4)
    assert projector.num_encoded == 4


def test_cancelled_request_ends_before_its_next_view() -> None:
    projector, ends = FakeProjector(), Ends()
    projector.leave = threading.Semaphore(0)
    beholder = Beholder(projector)
    beholder.behold(1, "a", [view(b"one"), view(b"two")], ends)
    projector.begun.get(timeout=10)
    beholder.cancel(1)
    projector.leave.release(2)
    assert ends.wait() == ("", True) and projector.num_encoded == 1


def test_failure_is_told_and_the_next_request_goes_on() -> None:
    projector, ends = FakeProjector(), Ends()
    beholder = Beholder(projector)
    projector.problem = "it failed"
    beholder.behold(1, "a", [view()], ends)
    assert ends.wait() == ("it failed", False)
    projector.problem = ""
    beholder.behold(2, "a", [view()], ends)
    assert ends.wait() == ("", False)


def test_cancelling_what_is_not_there_does_nothing() -> None:
    projector, ends = FakeProjector(), Ends()
    beholder = Beholder(projector)
    beholder.cancel(1)
    beholder.behold(1, "a", [view()], ends)
    assert ends.wait() == ("", False)
