"""What is made of a worker's word, and the window in which its walls are touched on purpose."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hobd.broker.attesting import Attestor, Evidence, remedy
from hobd.errors import WorkerCrashed
from hobd.sandbox import selftest
from hobd.wire import messages as m
from hobd.wire.attesting import Finding
from hobd.worker.attesting import attested


class Worker:
    """A resident that answers with what it is given."""

    model, is_leaving = "tiny", False

    def __init__(self, answer: tuple[Finding, ...] | BaseException) -> None:
        self.process = SimpleNamespace(pid=-1, attesting_until=0.0)
        self.windows: list[float] = []  # how long each was to last
        self._answer = answer

    async def ask(self, question: m.Attest, kind: type[m.Attested]) -> m.Attested:
        now = asyncio.get_running_loop().time()
        self.windows.append(self.process.attesting_until - now)
        assert now < question.begin_by_ms / 1000 < self.process.attesting_until
        if isinstance(self._answer, BaseException):
            raise self._answer
        return m.Attested(question.id, self._answer)


def told_of(worker: Worker) -> list[Evidence]:
    config = SimpleNamespace(security=SimpleNamespace(sandbox="enforce"))
    broker: Any = SimpleNamespace(config=config, ids=iter((1,)))
    return asyncio.run(Attestor(broker, list)._of_worker(worker))  # type: ignore[arg-type]


def sound(process: Any, names: tuple[str, ...]) -> tuple[Finding, ...]:
    return tuple(Finding(process, name, True, "refused") for name in names)


def test_worker_that_tells_all_is_believed_as_its_word() -> None:
    found = told_of(Worker(sound("worker", (*selftest.WORKER, *selftest.STATE))))
    assert all(each.held and each.source == "told by the worker" for each in found)
    assert len(found) == len(selftest.WORKER) + len(selftest.STATE)


@pytest.mark.parametrize("name", [*selftest.WORKER, *selftest.STATE])
def test_whatever_a_worker_leaves_out_did_not_hold(name: str) -> None:
    names = tuple(each for each in (*selftest.WORKER, *selftest.STATE) if each != name)
    missing = [each for each in told_of(Worker(sound("worker", names))) if not each.held]
    assert [(each.property, each.observed) for each in missing] == [(name, "it said nothing of it")]


def test_child_that_says_a_little_is_held_to_all() -> None:
    found = told_of(Worker(sound("renderer", ("no_exec",))))
    missing = {each.property for each in found if each.subject == "worker tiny: renderer" and not each.held}
    assert missing == {*selftest.CHILD, *selftest.STATE} - {"no_exec"}


def test_trips_are_no_alarm_only_until_the_worker_has_answered() -> None:
    worker = Worker(())
    told_of(worker)
    assert 44 < worker.windows[0] <= 45 and worker.process.attesting_until == 0


def test_caller_who_goes_does_not_turn_what_he_asked_into_an_attack() -> None:
    worker = Worker(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        told_of(worker)
    assert worker.process.attesting_until > 0


def test_question_that_comes_too_late_is_not_tried() -> None:
    assert attested(m.Attest(7, 0), None, None) == m.Attested(7, ())


def test_worker_that_dies_of_the_question_did_not_answer() -> None:
    (found,) = told_of(Worker(WorkerCrashed("it died")))
    assert (found.property, found.held, found.observed) == ("answers", False, "it died")


def test_remedies_are_for_what_did_not_hold() -> None:
    broken = Evidence(property="door_private_owner", subject="daemon", held=False, observed="", source="read")
    assert "0600" in remedy(broken)
    assert remedy(dataclasses.replace(broken, held=True)) == ""


@pytest.mark.parametrize(
    "finding",
    [("worker", "No Exec", True, ""), ("worker", "a" * 41, True, ""), ("worker", "a", True, "\x1b[2J")],
    ids=["name", "length", "controls"],
)
def test_odd_words_of_a_worker_break_the_contract(finding: tuple[Any, ...]) -> None:
    frame = msgspec.msgpack.encode(m.Attested(1, (Finding(*finding),)))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(frame, type=m.Attested)


def test_more_findings_than_there_can_be_break_the_contract() -> None:
    frame = msgspec.msgpack.encode(m.Attested(1, (Finding("worker", "a", True, ""),) * 129))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(frame, type=m.Attested)
