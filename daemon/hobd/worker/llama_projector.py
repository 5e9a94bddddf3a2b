"""llama.cpp's projector (mtmd): lays out pictures and sounds as views, and computes their embeddings.

Must be given decoded media alone: rows of pixels and samples whose sizes were checked. mtmd opens the file by
a name, since it knows no other way. A worker opens nothing; while it says that it loads a projector, the
broker gives it that, whatever name it asks for (broker/tripwire.py). Made by llama_engine.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hobd.worker import llama
from hobd.worker.engine import EngineError, FileUnusable, Picture, Sound
from hobd.worker.llama import L
from hobd.worker.views import MAX_VIEW_TOKENS, View, stand_ins

_MAGIC = b"GGUF"
_COPIED_BYTES = 1 << 24
_TEXT, _IMAGE, _AUDIO = range(3)
#: Of models to which a position is four numbers.
ROPES_OF_FOUR = (L.LLAMA_ROPE_TYPE_MROPE, L.LLAMA_ROPE_TYPE_IMROPE)


class LlamaProjector:
    """Implements the Projector protocol; see engine.py for what each call promises."""

    def __init__(self, model: Any, fd: int, *, batch_tokens: int, num_threads: int) -> None:
        """Raises FileUnusable."""
        if os.pread(fd, len(_MAGIC), 0) != _MAGIC:
            raise FileUnusable("it is not a GGUF file (its first four bytes are not `GGUF`)")
        self._mtmd = llama.import_mtmd()
        self._batch_tokens = batch_tokens
        self._width = int(L.llama_model_n_embd_inp(model))
        self._vocabulary = int(L.llama_vocab_n_tokens(L.llama_model_get_vocab(model)))
        self._has_grids = L.llama_model_rope_type(model) in ROPES_OF_FOUR
        params = self._mtmd.mtmd_context_params_default()
        params.use_gpu = bool(L.llama_supports_gpu_offload())
        params.print_timings = False
        params.n_threads = num_threads
        if self._has_grids:  # what cannot be cut has to fit into a step
            params.image_max_tokens = batch_tokens
        with _nameable(fd, is_copied=params.use_gpu) as name:
            self._context = self._mtmd.mtmd_init_from_file(name, model, params)
        if not self._context:
            raise FileUnusable(f"llama.cpp cannot load it: {_reason() or 'no reason given'}")
        self.sees = bool(self._mtmd.mtmd_support_vision(self._context))
        self.hears = bool(self._mtmd.mtmd_support_audio(self._context))
        self.sample_rate = int(self._mtmd.mtmd_get_audio_sample_rate(self._context)) if self.hears else 0

    def lay_out(self, medium: Picture | Sound) -> list[int | View]:
        digest = _digest(medium)
        with _Owned(self._bitmap(medium), self._mtmd.mtmd_bitmap_free) as bitmap:
            chunks = self._chunks(bitmap)
        laid: list[int | View] = []
        for number in range(self._mtmd.mtmd_input_chunks_size(chunks.handle)):
            chunk = self._mtmd.mtmd_input_chunks_get(chunks.handle, number)
            if self._mtmd.mtmd_input_chunk_get_type(chunk) == _TEXT:
                laid += self._words(chunk)
            else:
                part = hashlib.sha256(digest + number.to_bytes(4, "big")).digest()
                laid.append(self._view(chunk, part, chunks))
        return laid

    def encode(self, view: View) -> None:
        _, chunk = view.chunk
        if self._mtmd.mtmd_encode_chunk(self._context, chunk) != 0:
            raise EngineError("the projector failed on an image or sound")
        address = ctypes.cast(self._mtmd.mtmd_get_output_embd(self._context), ctypes.c_void_p).value
        memory: Any = (ctypes.c_float * (len(view) * self._width)).from_address(address or 0)
        # A copy: the next view's embeddings come to the same place.
        view.embeddings = np.frombuffer(memory, np.float32).reshape(len(view), self._width).copy()
        view.chunk = None

    def close(self) -> None:
        self._mtmd.mtmd_free(self._context)

    # ------------------------------------------------------------------ private steps

    def _bitmap(self, medium: Picture | Sound) -> Any:
        match medium:
            case Picture(width=width, height=height, rgb=rgb):
                assert len(rgb) == width * height * 3, "as long as mtmd will read"
                if not self.sees:
                    raise EngineError("this model's projector takes sounds and no images; send a sound")
                pixels = np.frombuffer(rgb, np.uint8)
                return self._mtmd.mtmd_bitmap_init(width, height, _pointer(pixels, ctypes.c_uint8))
            case Sound(samples=samples):
                if not self.hears:
                    raise EngineError("this model's projector takes images and no sounds; send an image")
                floats = np.frombuffer(samples, np.float32)
                return self._mtmd.mtmd_bitmap_init_from_audio(len(floats), _pointer(floats, ctypes.c_float))

    def _chunks(self, bitmap: Any) -> _Owned:
        """What mtmd makes of the medium alone, with the model's marks around it."""
        marker = self._mtmd.mtmd_default_marker()
        text = self._mtmd.mtmd_input_text(marker, len(marker), False, True)
        chunks = _Owned(self._mtmd.mtmd_input_chunks_init(), self._mtmd.mtmd_input_chunks_free)
        bitmaps = (ctypes.c_void_p * 1)(bitmap.handle)
        status = self._mtmd.mtmd_tokenize(self._context, chunks.handle, ctypes.byref(text), bitmaps, 1)
        if status != 0:
            raise EngineError(
                f"llama.cpp cannot prepare the image or sound for this model ({status}); send another"
            )
        return chunks

    def _words(self, chunk: Any) -> list[int]:
        count = ctypes.c_size_t()
        found = self._mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
        tokens = [int(found[index]) for index in range(count.value)]
        if any(not 0 <= token < self._vocabulary for token in tokens):
            raise EngineError("the projector needs tokens that this model has not; it is another model's")
        return tokens

    def _view(self, chunk: Any, digest: bytes, owner: _Owned) -> View:
        count = int(self._mtmd.mtmd_input_chunk_get_n_tokens(chunk))
        is_causal = not self._mtmd.mtmd_decode_use_non_causal(self._context, chunk)
        is_grid = self._has_grids and self._mtmd.mtmd_input_chunk_get_type(chunk) == _IMAGE
        is_whole = is_grid or not is_causal
        if not 0 < count <= (self._batch_tokens if is_whole else MAX_VIEW_TOKENS - 1):
            raise EngineError(
                f"the image has a part of {count} tokens, which must be computed in one step; "
                f"a step has {self._batch_tokens}: raise engine.batch_tokens, or send a smaller image"
            )
        return View(
            stand_ins(digest, count),
            int(self._mtmd.mtmd_input_chunk_get_n_pos(chunk)),
            is_whole,
            is_causal,
            self._grid(chunk, count) if is_grid else None,
            (owner, chunk),
        )

    def _grid(self, chunk: Any, count: int) -> npt.NDArray[np.int32]:
        """Time, row and column of each token, in the order in which llama.cpp reads them."""
        image = self._mtmd.mtmd_input_chunk_get_tokens_image(chunk)
        at_0, at_1 = (
            np.array(
                [
                    [place.t, place.y, place.x, place.z]
                    for index in range(count)
                    for place in [self._mtmd.mtmd_image_tokens_get_decoder_pos(image, first, index)]
                ],
                np.int32,
            ).T.copy()
            for first in (0, 1)
        )
        # Rows that do not move along with the text before the picture are of a kind that we cannot place.
        if (at_1[:3] - at_0[:3] != 1).any() or at_0[0].any():
            raise EngineError("this kind of projector places images in a way that hob does not know yet")
        return at_0


class _Owned:
    """Something of mtmd's that is freed with this, or at the end of a block."""

    def __init__(self, handle: Any, free: Callable[[Any], None]) -> None:
        if not handle:
            raise MemoryError
        self.handle = handle
        self._finalizer = weakref.finalize(self, free, handle)

    def __enter__(self) -> _Owned:
        return self

    def __exit__(self, *_: object) -> None:
        self._finalizer()


@contextlib.contextmanager
def _nameable(fd: int, *, is_copied: bool) -> Iterator[bytes]:
    """A name to open the file by. Beside a driver, which opens files itself, nobody gives us ours; but a copy
    in memory is not behind the file wall."""
    copy = os.memfd_create("projector") if is_copied else None
    try:
        if copy is not None:
            for _ in iter(lambda: os.sendfile(copy, fd, os.lseek(copy, 0, os.SEEK_CUR), _COPIED_BYTES), 0):
                pass
        yield f"/proc/self/fd/{fd if copy is None else copy}".encode()
    finally:
        if copy is not None:
            os.close(copy)


def _reason() -> str:
    """What llama.cpp said, but for the lines that only say where."""
    lines = llama.last_errors().split("; ")
    return "; ".join(line for line in lines if "/proc/self/fd" not in line)


def _digest(medium: Picture | Sound) -> bytes:
    match medium:
        case Picture(width=width, height=height, rgb=rgb):
            return hashlib.sha256(b"picture %d %d " % (width, height) + rgb).digest()
        case Sound(samples=samples):
            return hashlib.sha256(b"sound " + samples).digest()


def _pointer(array: npt.NDArray[Any], kind: type[Any]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
