"""Frames: a little-endian u32 length, then MessagePack of exactly one message.

Must decode strictly and never allocate more than the cap; a surprise is a WireError and the other
end's death. Used by broker/link.py and worker/loop.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from hobd.wire import messages as m

_LENGTH = struct.Struct("<I")
_ENCODER = msgspec.msgpack.Encoder()
_FROM_WORKER: msgspec.msgpack.Decoder[m.ToBroker] = msgspec.msgpack.Decoder(m.ToBroker)
_FROM_BROKER: msgspec.msgpack.Decoder[m.ToWorker] = msgspec.msgpack.Decoder(m.ToWorker)


class WireError(Exception):
    """The other end broke the contract. Says how, never with what text."""


def encode(message: m.Message) -> bytes:
    """One whole frame."""
    body = _ENCODER.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into messages: `feed` what came, iterate what is whole."""

    __slots__ = ("_buffer", "_decoder", "_max_bytes")

    def __init__(self, *, of_worker: bool) -> None:
        self._buffer = bytearray()
        self._max_bytes = m.MAX_FRAME_TO_BROKER_BYTES if of_worker else m.MAX_FRAME_TO_WORKER_BYTES
        self._decoder: msgspec.msgpack.Decoder[m.ToBroker] | msgspec.msgpack.Decoder[m.ToWorker] = (
            _FROM_WORKER if of_worker else _FROM_BROKER
        )

    def feed(self, data: bytes) -> Iterator[m.Message]:
        """Yields every message that `data` completes; raises WireError at the first bad one."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(buffer, start)
                if length > self._max_bytes:
                    raise WireError(f"a frame of {length} bytes, over the cap of {self._max_bytes}")
                end = start + _LENGTH.size + length
                if len(buffer) < end:
                    return
                body = bytes(memoryview(buffer)[start + _LENGTH.size : end])
                start = end
                yield self._decode(body)
        finally:
            # Cut off, bytes stay where they are until something is written over them: they are prompts.
            buffer[:start] = bytes(start)
            del buffer[:start]

    def _decode(self, body: bytes) -> m.Message:
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # ValidationError names the path and the types, not the value.
            raise WireError(
                f"a frame of {len(body)} bytes that is no message: {type(error).__name__}"
            ) from None
