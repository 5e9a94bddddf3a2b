"""Decodes images to pixels and sounds to samples; what the darkroom's child does.

Must be called in that child alone, with bytes that may be hostile: whatever it raises ends the child or is a
failure of one of the kinds that darkroom.py has sentences for. Pillow reads images, and WAV is read here.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from hobd.worker.darkroom import MAX_PIXELS, MAX_RATIO, MAX_SECONDS, MAX_SIDE, Develop, Pixels, Samples
from hobd.worker.renderer import Failed

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_OPAQUE = ("JPEG", "BMP")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MAX_CHANNELS, _MAX_RATE = 32, 768_000
Floats = npt.NDArray[np.float32]


class _Unfit(Exception):
    """`kind` as Failed has it."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def warm_up() -> None:
    """Decodes one of each kind: decoders import more when they first decode, and a child opens no file."""
    Image.MAX_IMAGE_PIXELS = None  # counted below, before anything is decoded
    for kind in _FORMATS:
        file = io.BytesIO()
        Image.new("RGB" if kind in _OPAQUE else "RGBA", (2, 2)).save(file, kind)
        assert isinstance(respond(Develop(file.getvalue(), 0)), Pixels), f"this Pillow cannot read {kind}"
    layout = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 0, b"WAVE", b"fmt ", 16, _PCM, 1, 8, 16, 2, 16)
    assert isinstance(respond(Develop(layout + b"data\4\0\0\0\1\2\3\4", 16)), Samples)


def respond(ask: Develop) -> Pixels | Samples | Failed:
    try:
        if ask.data[:4] == b"RIFF" and ask.data[8:12] == b"WAVE":
            return Samples(_sound(ask.data, ask.sample_rate).tobytes())
        return _pixels(ask.data)
    except _Unfit as unfit:
        return Failed(unfit.kind)
    except MemoryError:
        raise
    except Exception:  # whatever a decoder raises; its words may quote the file
        return Failed("damaged")


# ---------------------------------------------------------------------- images


def _pixels(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        _check_size(*image.size)
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded no larger than needed
        ImageOps.exif_transpose(image, in_place=True)
        mode = "RGBA" if image.has_transparency_data else "RGB"
        shown = image if image.mode == mode else image.convert(mode)  # which would copy it anyway
        shown.thumbnail((MAX_SIDE, MAX_SIDE))
        shown = _without_alpha(shown)
    return Pixels(*shown.size, shown.tobytes())


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _Unfit("pixels")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise _Unfit("ratio")


def _without_alpha(image: Image.Image) -> Image.Image:
    """Over white, as a page would show it."""
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


# ---------------------------------------------------------------------- sounds


def _sound(data: bytes, rate: int) -> Floats:
    layout, body = _wav_parts(data)
    encoding, channels, own_rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", layout)
    if encoding == _EXTENSIBLE:
        (encoding,) = struct.unpack_from("<H", layout, 24)
    if (
        not 0 < channels <= _MAX_CHANNELS
        or not 0 < own_rate <= _MAX_RATE
        or frame_bytes * 8 != channels * bits
    ):
        raise _Unfit("damaged")
    num_frames = len(body) // frame_bytes
    if num_frames == 0:
        raise _Unfit("silent")
    if num_frames > MAX_SECONDS * own_rate:
        raise _Unfit("seconds")
    samples = _floats(body[: num_frames * frame_bytes], encoding, bits)
    mono = samples.reshape(num_frames, channels).mean(axis=1, dtype=np.float32)
    return _resampled(np.nan_to_num(mono, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0), own_rate, rate)


def _wav_parts(data: bytes) -> tuple[bytes, bytes]:
    """The chunks `fmt ` and `data`. A file that a recorder left open says too long a `data`."""
    at, layout = 12, b""
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = data[at + 8 : at + 8 + size]
        if name == b"data" and layout:
            return layout, chunk
        if name == b"fmt ":
            layout = chunk
        at += 8 + size + size % 2
    raise _Unfit("damaged")


def _floats(body: bytes, encoding: int, bits: int) -> Floats:
    """From -1 to 1."""
    if encoding == _FLOAT and bits in (32, 64):
        values: npt.NDArray[Any] = np.frombuffer(body, f"<f{bits // 8}")
        return values.astype(np.float32)
    if encoding == _PCM and bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if encoding == _PCM and bits in (16, 32):
        whole: npt.NDArray[Any] = np.frombuffer(body, f"<i{bits // 8}")
        return whole.astype(np.float32) / np.float32(1 << (bits - 1))
    if encoding == _PCM and bits == 24:
        wide = np.zeros((len(body) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(1 << 31)
    raise _Unfit("encoding")


def _resampled(samples: Floats, own_rate: int, rate: int) -> Floats:
    """By cutting or filling its spectrum, a block of whole seconds at once: nothing aliases."""
    if own_rate == rate:
        return np.ascontiguousarray(samples, dtype=np.float32)
    seconds = -(-len(samples) // own_rate)
    spectrum: npt.NDArray[Any] = np.fft.rfft(np.pad(samples, (0, seconds * own_rate - len(samples))))
    resampled = np.fft.irfft(spectrum[: seconds * rate // 2 + 1], seconds * rate) * (rate / own_rate)
    count = max(1, len(samples) * rate // own_rate)
    return resampled[:count].astype(np.float32)
