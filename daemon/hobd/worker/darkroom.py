"""Where the bytes of images and sounds are decoded: in a child that has nothing, and is used once.

Must never decode in the worker itself, which holds everybody's prompts, and must take from the child only
pixels and samples whose number it can check. Started by worker/__main__.py before any thread exists, as
nobody knows yet whether there will be a projector; asked by gallery.py.

A decoder that is taken over sees the one medium that did it: there is a new child for each.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Annotated

import msgspec

from hobd.wire.attesting import SelfTest, Tested
from hobd.wire.messages import Value
from hobd.worker.bell import Bell
from hobd.worker.engine import Picture, Sound
from hobd.worker.expendable import Expendable, Gone, Lost, start_zygote
from hobd.worker.refusal import Refusal
from hobd.worker.renderer import CPU_SECONDS, EXIT_NO_MEMORY, Failed, Responders, frame

#: A picture is shrunk to fit into a square of this side: no projector looks closer.
MAX_SIDE = 2048
MAX_PIXELS = 40_000_000  # before that
MAX_SECONDS = 300
#: A side may be so many times as long as the other.
MAX_RATIO = 100
_MAX_RATE = 48_000
_MAX_SAMPLE_BYTES = 4 * _MAX_RATE * MAX_SECONDS


class Develop(Value, frozen=True, tag="develop"):
    """A file's bytes, and the rate that samples shall have."""

    data: bytes
    sample_rate: int


class Pixels(Value, frozen=True, tag="pixels"):
    width: Annotated[int, msgspec.Meta(gt=0, le=MAX_SIDE)]
    height: Annotated[int, msgspec.Meta(gt=0, le=MAX_SIDE)]
    rgb: Annotated[bytes, msgspec.Meta(max_length=3 * MAX_SIDE * MAX_SIDE)]


class Samples(Value, frozen=True, tag="samples"):
    floats: Annotated[bytes, msgspec.Meta(min_length=4, max_length=_MAX_SAMPLE_BYTES)]


Developed = Pixels | Samples | Failed
_ANSWERED: msgspec.msgpack.Decoder[Developed] = msgspec.msgpack.Decoder(Developed)


def start_darkroom(bell: Bell | None = None) -> Darkroom:
    """Forks the zygote and returns at once. The process must have one thread, and be confined already."""
    return Darkroom(*start_zygote(_learn, bell, sleeps=True))


def _learn() -> Responders:
    from hobd.worker import attesting, developing

    developing.warm_up()
    return {Develop: developing.respond, SelfTest: attesting.respond}


class Darkroom(Expendable[Developed]):
    """Decodes in another process, which may die of it."""

    __slots__ = ("_is_awake",)

    def __init__(self, control: socket.socket, zygote_pid: int) -> None:
        self._is_awake = False
        super().__init__(
            control, zygote_pid, _ANSWERED, max_bytes=max(3 * MAX_SIDE**2, _MAX_SAMPLE_BYTES) + 64
        )

    def attest(self) -> Tested:
        self._be_awake()
        return super().attest()

    def develop(self, data: bytes, sample_rate: int, name: str) -> Picture | Sound:
        """Raises Refusal, in which the medium is called `name`."""
        self._be_awake()
        try:
            answer = self.exchange(frame(Develop(data, sample_rate)))
            self.replace_child()
        except Lost as lost:
            raise Refusal("InvalidRequest", f"{name} {_epitaph(lost.status)}") from None
        except Gone:
            raise Refusal(
                "WorkerCrashed",
                "the process that decodes images and sounds is gone; unload the model, and ask again",
            ) from None
        match answer:
            case Pixels() if len(answer.rgb) == 3 * answer.width * answer.height:
                return Picture(width=answer.width, height=answer.height, rgb=answer.rgb)
            case Samples() if len(answer.floats) % 4 == 0:
                return Sound(samples=answer.floats)
            case Failed():
                raise Refusal("InvalidRequest", f"{name} {_SENTENCES.get(answer.kind, _DAMAGED)}")
        raise Refusal("InvalidRequest", f"{name} {_DAMAGED}")

    def _be_awake(self) -> None:
        if not self._is_awake:  # most workers never see a picture, and decoders take memory
            self._is_awake = True
            self.wake()


_DAMAGED = "cannot be decoded; it may be damaged, or not be what its first bytes say"
_SENTENCES = {
    "pixels": f"has over {MAX_PIXELS // 1_000_000} million pixels; send a smaller one",
    "ratio": f"is over {MAX_RATIO} times as long as it is wide, or wide as it is long; cut it",
    "seconds": f"is over {MAX_SECONDS} s long; send a part of it",
    "silent": "has no samples; send another",
    "encoding": "is a WAV of an encoding that hob does not know; convert it to PCM, as with ffmpeg",
}


def _epitaph(status: int | None) -> str:
    code = None if status is None else os.waitstatus_to_exitcode(status)
    if code in (None, -signal.SIGXCPU):
        return f"takes over {CPU_SECONDS} s to decode; send a smaller one"
    if code == EXIT_NO_MEMORY:
        return "takes too much memory to decode; send a smaller one"
    return _DAMAGED
