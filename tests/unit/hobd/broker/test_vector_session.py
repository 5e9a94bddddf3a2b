"""A session that waits for vectors believes only those that were asked for, and only all of them."""

from __future__ import annotations

import asyncio

import pytest
from hobd.broker.request import Embedded, Event, Finished, Progress, Request
from hobd.broker.session import Session
from hobd.errors import Busy, HobError
from hobd.wire import messages as m
from hobd.wire.framing import WireError

WIDTH = 2


def given_session(num_inputs: int = 3, dimensions: int | None = None) -> Session:
    prompt = m.EmbedPrompt(["a"] * num_inputs, "", True, dimensions, False)
    request = Request(
        model="", prompt=prompt, sampling=m.Sampling(), limits=m.Limits(), priority=1, max_total_ms=50
    )
    session = Session(1, request)
    session.submitted(0.0)
    session.admitted(m.Admitted(1, 9, 0, ""), 1.0)
    return session


def vector(input: int, width: int = WIDTH) -> m.Vector:
    return m.Vector(input, bytes(4 * width), 3)


def end(session: Session) -> None:
    session.end(session.end_so_far(), 9.0, model="m", model_sha256="", engine_build="", degraded=False)


def events(session: Session) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in session.events()]

    return asyncio.run(collect())


def test_vectors_come_with_how_far_it_is() -> None:
    session = given_session()
    session.vectors([vector(0), vector(1)], WIDTH, 2.0)
    session.vectors([vector(2)], WIDTH, 3.0)
    end(session)
    heard = events(session)
    assert sum(len(event.vectors) for event in heard if isinstance(event, Embedded)) == 3
    assert [event.fraction for event in heard if isinstance(event, Progress)] == [0.0, 2 / 3, 1.0]
    assert isinstance(heard[-1], Finished)


@pytest.mark.parametrize(
    "vectors",
    [[vector(3)], [vector(0), vector(0)], [vector(0, 3)], [vector(0, 1)]],
    ids=["not an input", "twice", "too wide", "too narrow"],
)
def test_vector_that_nobody_asked_for_is_a_breach(vectors: list[m.Vector]) -> None:
    with pytest.raises(WireError):
        given_session().vectors(vectors, WIDTH, 2.0)


def test_width_is_what_was_asked_for() -> None:
    given_session(dimensions=1).vectors([vector(0, 1)], WIDTH, 2.0)


def test_end_before_the_last_vector_is_a_breach() -> None:
    session = given_session()
    session.vectors([vector(0)], WIDTH, 2.0)
    with pytest.raises(WireError):
        end(session)


def test_text_instead_of_vectors_is_a_breach() -> None:
    with pytest.raises(WireError):
        given_session().delta(m.Delta(1, "a", [], [5]), 2.0)


def test_deadline_tells_how_many_were_done() -> None:
    session = given_session()
    session.vectors([vector(0)], WIDTH, 2.0)
    session.is_cut_by_deadline = True
    end(session)
    with pytest.raises(Busy, match="1 of 3 inputs were done within the 50 ms"):
        events(session)


def test_another_worker_hears_which_inputs_are_done() -> None:
    session = given_session()
    session.vectors([vector(2), vector(0)], WIDTH, 2.0)
    assert session.history.tokens.tolist() == [2, 0]


def test_vectors_for_a_generation_are_a_breach() -> None:
    request = Request(
        model="", prompt=m.TokensPrompt([1]), sampling=m.Sampling(), limits=m.Limits(), priority=1
    )
    with pytest.raises((WireError, HobError)):
        Session(1, request).vectors([vector(0)], WIDTH, 2.0)
