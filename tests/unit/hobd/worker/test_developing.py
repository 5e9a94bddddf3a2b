"""Images and sounds, sound and hostile, as the darkroom's child decodes them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hobd.worker import developing
from hobd.worker.darkroom import MAX_SIDE, Develop, Pixels, Samples
from hobd.worker.renderer import Failed
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

developing.warm_up()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def develop(data: bytes, rate: int = 16_000) -> Any:
    return developing.respond(Develop(data, rate))


def wav(samples: np.ndarray, *, rate: int = 16_000, encoding: int = 1, extension: bytes = b"") -> bytes:
    frames = samples if samples.ndim == 2 else samples[:, None]
    size, channels = frames.dtype.itemsize, frames.shape[1]
    layout = struct.pack(
        "<HHIIHH", encoding, channels, rate, rate * size * channels, size * channels, 8 * size
    )
    chunks = b"".join(
        name + struct.pack("<I", len(chunk)) + chunk
        for name, chunk in ((b"fmt ", layout + extension), (b"LIST", b"text"), (b"data", frames.tobytes()))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def png_of(width: int, height: int) -> bytes:
    """A header that promises so many pixels, and hardly any data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP", "JPEG"])
def test_image_of_every_kind_becomes_its_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    developed = develop(encoded(Image.new("RGB", (5, 3), (250, 10, 10)), kind, **options))
    assert (developed.width, developed.height, len(developed.rgb)) == (5, 3, 45)
    assert np.abs(np.frombuffer(developed.rgb, np.uint8)[:3].astype(int) - [250, 10, 10]).max() < 4


def test_transparent_image_lies_on_white() -> None:
    assert develop(encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 0)), "PNG")).rgb == b"\xff\xff\xff"


def test_image_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    developed = develop(encoded(Image.new("RGB", (8, 2)), "JPEG", exif=exif.tobytes()))
    assert (developed.width, developed.height) == (2, 8)


def test_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (2, 2), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert develop(data).rgb[:3] == b"\xff\0\0"


def test_great_image_is_shrunk() -> None:
    developed = develop(encoded(Image.new("L", (5000, 100)), "PNG"))
    assert developed.width == MAX_SIDE and developed.height == 41


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png_of(100_000, 100_000), "pixels"),
        (png_of(2**31 - 1, 2**31 - 1), "pixels"),
        (png_of(9000, 2), "ratio"),
        (png_of(500, 500), "damaged"),
        (encoded(Image.effect_noise((64, 64), 50), "PNG")[:-300], "damaged"),
        (b"\xff\xd8\xff\xe0nothing", "damaged"),
        (b"", "damaged"),
        (wav(np.zeros(0, "<i2")), "silent"),
        (wav(np.zeros(9, "<i2"), encoding=85), "encoding"),
        (wav(np.zeros(301, "<i2"), rate=1), "seconds"),
        (b"RIFF\0\0\0\0WAVE", "damaged"),
    ],
    ids=[
        "bomb",
        "no room",
        "thread",
        "promise",
        "truncated",
        "stub",
        "empty",
        "silence",
        "mp3",
        "long",
        "bare",
    ],
)
def test_hostile_medium_is_told_by_its_kind(data: bytes, kind: str) -> None:
    assert develop(data) == Failed(kind)


@given(
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"BM", b"RIFF0000WAVEfmt "]),
    st.binary(),
)
def test_random_bytes_after_a_true_beginning_are_told_or_decoded(start: bytes, rest: bytes) -> None:
    assert isinstance(develop(start + rest), Pixels | Samples | Failed)


@given(st.integers(0, 400), st.integers(0, 255))
def test_image_with_a_wrong_byte_is_told_or_decoded(at: int, byte: int) -> None:
    whole = bytearray(encoded(Image.linear_gradient("L").resize((16, 16)), "PNG"))
    whole[at % len(whole)] = byte
    assert isinstance(develop(bytes(whole)), Pixels | Failed)


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (np.array([0, 16384, -32768], "<i2"), {}),
        (np.array([128, 192, 0], "u1"), {}),
        (np.array([0, 1 << 30, -(1 << 31)], "<i4"), {}),
        (np.array([0, 0.5, -1], "<f4"), {"encoding": 3}),
        (np.array([[0, 0], [8192, 24576], [-32768, -32768]], "<i2"), {}),
        (
            np.array([0, 16384, -32768], "<i2"),
            {"encoding": 0xFFFE, "extension": bytes(8) + b"\1\0" + bytes(14)},
        ),
    ],
    ids=["16 bit", "8 bit", "32 bit", "float", "stereo", "extensible"],
)
def test_sound_of_every_encoding_becomes_its_samples(samples: np.ndarray, options: dict[str, Any]) -> None:
    floats = np.frombuffer(develop(wav(samples, **options)).floats, np.float32)
    np.testing.assert_allclose(floats, [0, 0.5, -1], atol=1e-6)


def test_sound_keeps_its_tone_at_another_rate() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    developed = np.frombuffer(develop(wav((tone * 30_000).astype("<i2"), rate=48_000)).floats, np.float32)
    assert len(developed) == 16_000 and np.abs(np.fft.rfft(developed)).argmax() == 440
