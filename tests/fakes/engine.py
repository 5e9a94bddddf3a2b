"""An engine without a model: bytes are tokens, and the answer to a prompt is a function of the prompt.

Keeps the same books as the real one (cells by lane, positions, rows) and fails the test when the loop
breaks a rule of the seam. Used by tests of the loop and by tests/fakes/worker_main.py.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence

from hobd.wire.messages import Logprob, Sampling
from hobd.worker.engine import (
    EngineError,
    Facts,
    FileUnusable,
    Interrupted,
    MemoryShort,
    Sampler,
    Settings,
    Slice,
)

VOCABULARY = 257
END = 256
POISON = "!"  # an engine may be made to die of it; no answer has one
TEMPLATE = "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"


class FakeEngine:
    """The next token depends on all tokens before it: a lane that mixes two sequences up tells."""

    def __init__(self, settings: Settings | None = None, *, answer_length: int = 20) -> None:
        settings = settings or Settings(num_lanes=4, batch_tokens=64, context_tokens=128)
        self.facts = Facts(
            architecture="fake",
            context_tokens=settings.context_tokens or 512,
            num_lanes=settings.num_lanes,
            num_cache_lanes=settings.num_cache_lanes,
            total_cells=max(settings.kv_cells, settings.context_tokens or 512),
            batch_tokens=settings.batch_tokens,
            num_threads=2,
            computes_on_cpu=True,
            speculates=settings.speculates,
            vocabulary=VOCABULARY,
            weights_bytes=1,
            template=TEMPLATE,
            bos_text="",
            eos_text="",
        )
        self._answer_length = answer_length
        self._lanes: dict[int, list[tuple[int, int]]] = {}  # lane -> (number of the cell, its token)
        self._num_cells = 0  # ever taken
        self._rows: list[int] = []
        self._interrupted = threading.Event()
        self.is_closed = False
        self.num_threads = self.facts.num_threads
        self.in_decode: Callable[[Sequence[Slice]], None] = lambda slices: None

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        return list(text.encode())

    def piece(self, token: int) -> bytes:
        return b"" if token == END else bytes([token])

    def spelling(self, token: int) -> bytes:
        return b"<end>" if token == END else bytes([token])

    def is_end(self, token: int) -> bool:
        return token == END

    def decode(self, slices: Sequence[Slice]) -> None:
        assert sum(len(piece.tokens) for piece in slices) <= self.facts.batch_tokens
        assert len({piece.lane for piece in slices}) == len(slices)
        self.in_decode(slices)
        if self._interrupted.is_set():
            raise Interrupted
        if self.used_cells + sum(len(piece.tokens) for piece in slices) > self.facts.total_cells:
            raise MemoryShort("no cells")
        self._rows = []
        for piece in slices:
            lane = self._lanes.setdefault(piece.lane, [])
            assert piece.start == len(lane), "a slice must continue its lane"
            lane += enumerate(piece.tokens, self._num_cells)
            self._num_cells += len(piece.tokens)
            tokens = [token for _, token in lane]
            for end in range(len(tokens) - piece.num_rows + 1, len(tokens) + 1):
                self._rows.append(next_token(tokens[:end], self._answer_length))

    @property
    def used_cells(self) -> int:
        """A cell that several lanes share counts once."""
        return len({cell for lane in self._lanes.values() for cell, _ in lane})

    @property
    def num_computed(self) -> int:
        """Tokens computed since the start."""
        return self._num_cells

    def forget(self, lane: int) -> None:
        self._lanes.pop(lane, None)

    def trim(self, lane: int, length: int) -> None:
        assert 0 < length < len(self._lanes[lane]), "nothing is there to be taken back"
        del self._lanes[lane][length:]

    def copy(self, source: int, target: int, count: int) -> None:
        assert not self._lanes.get(target), "a lane must be forgotten before it is used again"
        assert len(self._lanes[source]) >= count, "only what is computed can be shared"
        self._lanes[target] = self._lanes[source][:count]

    def use_threads(self, count: int) -> None:
        assert 1 <= count <= self.facts.num_threads
        self.num_threads = count

    def interrupt(self) -> None:
        self._interrupted.set()

    def resume(self) -> None:
        self._interrupted.clear()

    def greedy(self, num_rows: int) -> list[int]:
        assert num_rows == len(self._rows)
        return list(self._rows)

    def logprob(self, row: int, token: int, num_top: int) -> Logprob:
        return Logprob(token, self.piece(token), -0.5, [(token, self.piece(token), -0.5)] * num_top)

    def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Sampler | None:
        return None

    def close(self) -> None:
        assert not self.is_closed, "it was closed before"
        self.is_closed = True


def next_token(tokens: Sequence[int], answer_length: int) -> int:
    """A letter that depends on all tokens so far, or the end after about `answer_length` of them."""
    digest = zlib.crc32(bytes(token & 0xFF for token in tokens))
    return END if digest % answer_length == 0 else ord("a") + digest % 26


def expected_answer(prompt: bytes, max_tokens: int, answer_length: int = 20) -> str:
    """What FakeEngine answers to a raw prompt, worked out without any scheduler."""
    tokens = list(prompt)
    while len(tokens) - len(prompt) < max_tokens:
        token = next_token(tokens, answer_length)
        if token == END:
            break
        tokens.append(token)
    return bytes(tokens[len(prompt) :]).decode()


def load_fake(model_fd: int, settings: Settings, progress: Callable[[float], None]) -> FakeEngine:
    """A Loader. The model file's first line is its script: `ok`, `unusable`, `memory` or `raise`."""
    import os

    behaviour = os.pread(model_fd, 64, 0).split(b"\n")[0].decode()
    progress(0.5)
    if behaviour == "unusable":
        raise FileUnusable("it is not a GGUF file")
    if behaviour == "memory":
        raise MemoryShort("no memory for a context")
    if behaviour == "raise":
        raise EngineError("broken")
    return FakeEngine(settings)
