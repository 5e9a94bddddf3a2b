"""Encrypts what workers computed, and gives it back only whole, unchanged, and to whom it belongs.

Must never let a byte out that was not verified: a piece is decrypted only if its tag is right. The key is of
this daemon's life alone; it is written nowhere. Called by vault.py, on threads.

A state is sealed in pieces of a mebibyte by AES-256-GCM. The nonce is the state's number, which never comes
again, and the piece's; so no piece can stand for another, and none can be missing, since all are bound to the
length. What it is bound to besides (model, adapters, build, layout, domain) is said again to unseal it.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE_BYTES = 1 << 20
_TAG_BYTES = 16
_KEY_BYTES = 32
_NONCE = struct.Struct(">QI")


class Forged(Exception):
    """It is not what was sealed, or not for what it was sealed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a state is of use to: this model with these adapters, in this build, laid out so."""

    model: str
    adapters: tuple[str, ...]  # digests
    engine_build: str
    layout: str

    def to_bytes(self, domain: str, num_bytes: int) -> bytes:
        """The same for the same alone. A domain of the model as it is needs no adapter to be the same."""
        adapters = self.adapters if domain.startswith("\0") else ()
        return json.dumps([self.model, adapters, self.engine_build, self.layout, domain, num_bytes]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """One state, of no use to who has not the key."""

    number: int
    num_bytes: int  # of the state
    memory: mmap.mmap = field(repr=False)


class Key:
    """Random bytes in a page of their own: locked into memory if that is allowed, in no dump, in no child."""

    def __init__(self) -> None:
        self._page = _private_memory(mmap.PAGESIZE)
        self._page.madvise(mmap.MADV_DONTFORK)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self.is_locked = not ctypes.CDLL(None).mlock(ctypes.c_void_p(address), ctypes.c_size_t(_KEY_BYTES))
        with open("/dev/urandom", "rb", buffering=0) as source:
            if source.readinto(memoryview(self._page)[:_KEY_BYTES]) != _KEY_BYTES:
                raise OSError("the system gave no random bytes")

    def view(self) -> memoryview:
        return memoryview(self._page)[:_KEY_BYTES]

    def wipe(self) -> None:
        """Nothing that was sealed can be unsealed any more."""
        self._page[:_KEY_BYTES] = bytes(_KEY_BYTES)


class Sealer:
    """Owns the key. `seal` and `unseal` may be called from any thread."""

    def __init__(self) -> None:
        self._key = Key()
        self._num_sealed = 0
        self.is_wiped = False

    @property
    def is_key_locked(self) -> bool:
        return self._key.is_locked

    def next_number(self) -> int:
        """For one call of `seal`. From one thread only."""
        self._num_sealed += 1
        return self._num_sealed

    def seal(
        self, number: int, bound: bytes, num_bytes: int, read: Callable[[int, memoryview], None]
    ) -> Sealed:
        """Takes `num_bytes` by `read(offset, into)`, each byte once. Raises what that raises."""
        cipher, scratch = self._cipher(), bytearray(min(num_bytes, PIECE_BYTES))
        pieces = list(_pieces(num_bytes))
        memory = _private_memory(num_bytes + _TAG_BYTES * len(pieces))
        try:
            with memoryview(memory) as whole:
                for index, (begin, size) in enumerate(pieces):
                    plain = memoryview(scratch)[:size]
                    read(begin, plain)
                    place = begin + index * _TAG_BYTES
                    target = whole[place : place + size + _TAG_BYTES]
                    cipher.encrypt_into(_NONCE.pack(number, index), plain, bound, target)
        finally:
            scratch[:] = bytes(len(scratch))
        return Sealed(number=number, num_bytes=num_bytes, memory=memory)

    def unseal(self, sealed: Sealed, bound: bytes, write: Callable[[int, memoryview], None]) -> None:
        """Gives the state to `write(offset, bytes)`, piece by piece. Raises Forged at the first wrong one."""
        from cryptography.exceptions import InvalidTag

        cipher, scratch = self._cipher(), bytearray(min(sealed.num_bytes, PIECE_BYTES))
        try:
            with memoryview(sealed.memory) as whole:
                for index, (begin, size) in enumerate(_pieces(sealed.num_bytes)):
                    place = begin + index * _TAG_BYTES
                    plain = memoryview(scratch)[:size]
                    source = whole[place : place + size + _TAG_BYTES]
                    cipher.decrypt_into(_NONCE.pack(sealed.number, index), source, bound, plain)
                    write(begin, plain)
        except InvalidTag:
            raise Forged from None
        finally:
            scratch[:] = bytes(len(scratch))

    def wipe(self) -> None:
        self.is_wiped = True
        self._key.wipe()

    def _cipher(self) -> AESGCM:
        """Made anew for each state: the library's own copy of the key is neither locked nor ours to wipe."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms that few starts need

        return AESGCM(self._key.view())


def _pieces(num_bytes: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, num_bytes, PIECE_BYTES):
        yield begin, min(PIECE_BYTES, num_bytes - begin)


def _private_memory(num_bytes: int) -> mmap.mmap:
    memory = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTDUMP)
    return memory
