"""A worker's answer to Attest: its own walls and its children's, each tried by who stands behind it.

Must never invent: a child that does not answer is a property that did not hold. Called by intake.py on its
one thread, which is the one that asks the children; `respond` runs in a child.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

from hobd.sandbox import selftest
from hobd.wire.attesting import Attest, Attested, Finding, Process, SelfTest, Tested
from hobd.worker.expendable import Expendable, Gone, Lost


def attested(question: Attest, renderer: object, darkroom: object) -> Attested:
    """`darkroom` None: nobody sends this worker images or sounds. Fakes of either are left out.

    Nothing is tried too late: by then the broker would take it for an attack.
    """
    if time.monotonic() * 1000 > question.begin_by_ms:
        return Attested(question.id, ())
    found = list(_named("worker", selftest.run(selftest.WORKER, os.getppid())))
    children: tuple[tuple[Process, object], ...] = (("renderer", renderer), ("darkroom", darkroom))
    for name, child in children:
        if isinstance(child, Expendable):
            found += _asked(name, child)
    return Attested(question.id, tuple(found))


def respond(question: SelfTest) -> Tested:
    """In the child. It believes to be the renderer; whoever asked knows better."""
    return Tested(tuple(_named("renderer", selftest.run(selftest.CHILD))))


def _asked(name: Process, child: Expendable[object]) -> Iterator[Finding]:
    try:
        tested = child.attest()
    except (Lost, Gone):
        yield Finding(name, "answers", False, "it did not answer, and was replaced")
        return
    for each in tested.findings:
        yield Finding(name, each.property, each.held, each.observed)


def _named(name: Process, findings: Iterable[selftest.Finding]) -> Iterator[Finding]:
    for each in findings:
        yield Finding(name, each.property, each.held, each.observed)
