"""Images and sounds for tests: noise that is the same for the same seed.

Must never read a file: what tests show is made here. Called by tests of media of every kind.
"""

from __future__ import annotations

import io
import wave

import numpy as np
from PIL import Image


def picture(seed: int = 0, *, width: int = 48, height: int = 40, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def sound(seed: int = 0, *, seconds: float = 1.0, rate: int = 8000) -> bytes:
    """Notes that no other seed has in this order."""
    notes = np.random.default_rng(seed).integers(1, max(2, rate // 2), 10)
    times = np.arange(int(seconds * rate)) / rate
    pitch = notes[(times * len(notes) / seconds).astype(int) % len(notes)]
    samples = (20_000 * np.sin(2 * np.pi * pitch * times)).astype(np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()
