"""What is sealed comes back whole, unchanged, and to whom it belongs, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hobd.broker.seal import PIECE_BYTES, Binding, Forged, Sealed, Sealer
from hypothesis import given
from hypothesis import strategies as st

BINDING = Binding(model="ab", adapters=("cd",), engine_build="build 1", layout="512,16")
DOMAIN = "owner:"
BASE, VARIANT = DOMAIN, f"\0x=1.0\0{DOMAIN}"
STATE = bytes(range(256)) * 8


def seal(sealer: Sealer, state: bytes, bound: bytes) -> Sealed:
    def read(offset: int, into: memoryview) -> None:
        into[:] = state[offset : offset + len(into)]

    return sealer.seal(sealer.next_number(), bound, len(state), read)


def unseal(sealer: Sealer, sealed: Sealed, bound: bytes) -> bytes:
    state = bytearray(sealed.num_bytes)

    def write(offset: int, data: memoryview) -> None:
        state[offset : offset + len(data)] = data

    sealer.unseal(sealed, bound, write)
    return bytes(state)


@pytest.mark.parametrize("size", [1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES + 77])
def test_state_of_any_size_comes_back(size: int) -> None:
    sealer, state = Sealer(), (STATE * (size // len(STATE) + 1))[:size]
    bound = BINDING.to_bytes(DOMAIN, size)
    sealed = seal(sealer, state, bound)
    assert unseal(sealer, sealed, bound) == state
    assert STATE not in bytes(sealed.memory) and repr(sealed.memory) not in repr(sealed)


@given(place=st.integers(0, len(STATE) + 15), bit=st.integers(0, 7))
def test_flipped_bit_is_refused(place: int, bit: int) -> None:
    sealer, bound = Sealer(), BINDING.to_bytes(DOMAIN, len(STATE))
    sealed = seal(sealer, STATE, bound)
    sealed.memory[place] ^= 1 << bit
    with pytest.raises(Forged):
        unseal(sealer, sealed, bound)


@pytest.mark.parametrize(
    "other",
    [
        replace(BINDING, model="ba").to_bytes(VARIANT, len(STATE)),
        replace(BINDING, adapters=("dc",)).to_bytes(VARIANT, len(STATE)),
        replace(BINDING, engine_build="build 2").to_bytes(VARIANT, len(STATE)),
        replace(BINDING, layout="512,17").to_bytes(VARIANT, len(STATE)),
        BINDING.to_bytes(BASE, len(STATE)),
        BINDING.to_bytes(VARIANT, len(STATE) + 1),
    ],
    ids=["model", "adapters", "build", "layout", "domain", "length"],
)
def test_state_of_another_one_is_refused(other: bytes) -> None:
    sealer = Sealer()
    sealed = seal(sealer, STATE, BINDING.to_bytes(VARIANT, len(STATE)))
    with pytest.raises(Forged):
        unseal(sealer, sealed, other)


def test_adapters_do_not_matter_to_the_model_as_it_is() -> None:
    assert replace(BINDING, adapters=()).to_bytes(BASE, 1) == BINDING.to_bytes(BASE, 1)


def test_pieces_cannot_change_places_nor_be_left_out() -> None:
    sealer, state = Sealer(), bytes(PIECE_BYTES) + bytes([1]) * PIECE_BYTES
    bound, piece = BINDING.to_bytes(DOMAIN, len(state)), PIECE_BYTES + 16
    sealed = seal(sealer, state, bound)
    sealed.memory[:] = sealed.memory[piece:] + sealed.memory[:piece]
    with pytest.raises(Forged):
        unseal(sealer, sealed, bound)
    with pytest.raises(Forged):
        unseal(sealer, replace(sealed, num_bytes=PIECE_BYTES), bound)


def test_state_of_another_boot_and_after_the_wipe_is_refused() -> None:
    sealer, bound = Sealer(), BINDING.to_bytes(DOMAIN, len(STATE))
    sealed = seal(sealer, STATE, bound)
    with pytest.raises(Forged):
        unseal(Sealer(), sealed, bound)
    sealer.wipe()
    assert bytes(sealer._key.view()) == bytes(32)
    with pytest.raises(Forged):
        unseal(sealer, sealed, bound)
