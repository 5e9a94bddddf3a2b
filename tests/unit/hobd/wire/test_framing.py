"""Frames: whole messages out of any cut, and no mercy for anything else."""

from __future__ import annotations

import ctypes
import gc
import struct

import msgspec
import pytest
from hobd.wire import messages as m
from hobd.wire.framing import FrameReader, WireError, encode
from hypothesis import given
from hypothesis import strategies as st

STEP = m.Step([1], [m.Delta(1, "héllo", [], [7, 8])], [], m.Tally(num_running=1, used_cells=7))


@given(cuts=st.lists(st.integers(1, 20), max_size=20))
def test_messages_survive_any_cut(cuts: list[int]) -> None:
    data = encode(STEP) + encode(m.Loading(0.5)) + encode(STEP)
    reader = FrameReader(of_worker=True)
    seen = []
    for cut in cuts:
        seen += list(reader.feed(data[:cut]))
        data = data[cut:]
    seen += list(reader.feed(data))
    assert seen == [STEP, m.Loading(0.5), STEP]


def test_frame_over_the_cap_is_refused_before_it_is_read() -> None:
    reader = FrameReader(of_worker=True)
    with pytest.raises(WireError, match="over the cap"):
        list(reader.feed(struct.pack("<I", m.MAX_FRAME_TO_BROKER_BYTES + 1)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode(["Nobody", 1]),
        msgspec.msgpack.encode(["Loading", "not a number"]),
        msgspec.msgpack.encode(["Refused", -1, "InvalidRequest", "no"]),
        msgspec.msgpack.encode(["Refused", 1, "InvalidRequest", "x" * 1001]),
        msgspec.msgpack.encode(["Submit", 1]),
        msgspec.msgpack.encode(["Vectors", 1, []]),
        msgspec.msgpack.encode(["Vectors", 1, [[0, b"abc", 1]]]),
        msgspec.msgpack.encode(["Vectors", 1, [[0, b"x" * (4 * m.MAX_WIDTH + 4), 1]]]),
    ],
    ids=[
        "empty",
        "no msgpack",
        "unknown type",
        "wrong field",
        "negative id",
        "long line",
        "other direction",
        "no vectors",
        "half a number",
        "wide vector",
    ],
)
def test_frame_that_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        list(FrameReader(of_worker=True).feed(struct.pack("<I", len(body)) + body))


@given(data=st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_wire_error(data: bytes) -> None:
    try:
        list(FrameReader(of_worker=True).feed(data))
    except WireError:
        pass


@pytest.mark.parametrize(
    "value",
    [
        STEP,
        m.Submit(1, m.TextPrompt("SECRET", False), m.Sampling(), m.Limits(stop=("SECRET",)), 0, ""),
        STEP.deltas[0],
        m.Submit(1, m.EmbedPrompt(["SECRET"], "", True, None, False), m.Sampling(), m.Limits(), 0, ""),
        m.InfillPrompt("SECRET", "SECRET", [m.ContextFile("SECRET", "SECRET")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_repr_shows_no_text(value: object) -> None:
    assert "SECRET" not in repr(value) and "llo" not in repr(value)


def test_every_message_of_a_worker_is_allowed_in_exactly_one_place() -> None:
    allowed = [kind for kinds in m.ALLOWED.values() for kind in kinds]
    assert set(allowed) == set(m.ToBroker.__args__)


def test_what_was_read_is_overwritten_where_it_was() -> None:
    reader = FrameReader(of_worker=False)
    secret = m.Tokenize(1, "the canary sings at noon", False, False)
    frame, rest = encode(secret), struct.pack("<I", 9999) + bytes(9000)  # so that the memory stays taken
    reader._buffer += frame + rest
    address = ctypes.addressof(ctypes.c_char.from_buffer(reader._buffer))
    gc.collect()  # lets go of the view, so that the buffer may change
    assert list(reader.feed(b"")) == [secret]
    assert ctypes.string_at(address, len(frame)) == bytes(len(frame))
