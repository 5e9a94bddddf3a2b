"""What a session keeps over the deaths of its workers, and when it refuses to go on."""

from __future__ import annotations

import asyncio
import ctypes
import struct

import pytest
from hobd.broker.recovery import Loss, Verdict
from hobd.broker.request import Event, Finished, Request
from hobd.broker.session import Session
from hobd.errors import WorkerCrashed
from hobd.wire import messages as m


def given_session() -> Session:
    prompt = m.TokensPrompt([1])
    request = Request(model="", prompt=prompt, sampling=m.Sampling(), limits=m.Limits(), priority=1)
    return Session(1, request)


def given_resumed() -> Session:
    """It told two tokens in 2 s of decoding, and has another worker."""
    session = given_session()
    session.started("model", 0.0)
    session.submitted(0.0)
    session.admitted(m.Admitted(1, 5, 0, ""), 1.0)
    session.begin(2.0)
    session.delta(m.Delta(1, "ab", [], [97, 98]), 4.0)
    verdict = session.history.lose(6.0, is_alone=True)
    session.lose(Loss("it died", is_wanted=False, verdict=verdict))
    session.submitted(10.0)
    return session


def events(session: Session) -> list[Event]:
    async def collect() -> list[Event]:
        return [event async for event in session.events()]

    return asyncio.run(collect())


def end(session: Session, now: float) -> None:
    session.end(session.end_so_far(), now, model="m", model_sha256="", engine_build="", degraded=False)


def test_resumed_sessions_receipt_counts_all_its_workers() -> None:
    session = given_resumed()
    session.admitted(m.Admitted(1, 5, 0, ""), 11.0)
    session.begin(12.0)
    session.delta(m.Delta(1, "c", [], [99]), 13.0)
    end(session, 15.0)
    finished = events(session)[-1]
    assert isinstance(finished, Finished)
    receipt = finished.receipt
    assert (receipt.resumed, receipt.num_completion_tokens) == (True, 3)
    assert (receipt.queue_ms, receipt.prefill_ms, receipt.decode_ms) == (8000, 3000, 4000)


@pytest.mark.parametrize(
    "again", [m.Admitted(1, 6, 0, ""), m.Admitted(1, 5, 1, ""), m.Admitted(1, 5, 0, "other")]
)
def test_session_whose_prompt_became_another_does_not_go_on(again: m.Admitted) -> None:
    session = given_resumed()
    session.admitted(again, 11.0)
    assert session.is_over
    with pytest.raises(WorkerCrashed, match="its prompt became another"):
        events(session)


def test_nothing_ends_a_session_twice() -> None:
    session = given_resumed()
    end(session, 11.0)
    session.fail(WorkerCrashed("too late"))
    end(session, 12.0)
    assert [type(event) for event in events(session)].count(Finished) == 1
    assert session.history.num_deaths == 1 and Verdict.RESUME is session.loss.verdict


def test_forgotten_session_leaves_neither_tokens_nor_texts() -> None:
    session = given_resumed()
    tokens = session.history.tokens
    address, _ = tokens.buffer_info()
    assert ctypes.string_at(address, 8) == struct.pack("ii", 97, 98)
    session.history._overwrite()
    assert tokens.tolist() == [0, 0]
    before = session.num_tokens
    session.wipe()
    assert not tokens and not session._events
    assert session.num_tokens == before  # quotas and the audit still count them
