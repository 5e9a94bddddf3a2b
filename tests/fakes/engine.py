"""An engine without a model: bytes are tokens, and the answer to a prompt is a function of the prompt.

Keeps the same books as the real one (cells by lane, positions, rows) and fails the test when the loop
breaks a rule of the seam. Used by tests of the loop and by tests/fakes/worker_main.py.
"""

from __future__ import annotations

import os
import signal
import threading
import zlib
from array import array
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from hobd.wire.messages import Constraint, Logprob, Measured, Sampling
from hobd.worker.embedder import Span
from hobd.worker.engine import (
    Control,
    EngineError,
    Facts,
    FileUnusable,
    Interrupted,
    MemoryShort,
    Projector,
    Sampler,
    Settings,
    Slice,
    Stowed,
)
from hobd.worker.variants import BASE, Variant

VOCABULARY = 257
END = 256
WIDTH = 8  # of a vector
POISON = "!"  # an engine may be made to die of it; no answer has one
TEMPLATE = "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"


class FakeEngine:
    """The next token depends on all tokens before it: a lane that mixes two sequences up tells."""

    controls: Sequence[Control] = ()

    def __init__(self, settings: Settings | None = None, *, answer_length: int = 20) -> None:
        settings = settings or Settings(num_lanes=4, batch_tokens=64, context_tokens=128)
        self.facts = Facts(
            architecture="fake",
            context_tokens=settings.context_tokens or 512,
            num_lanes=settings.num_lanes,
            num_cache_lanes=settings.num_cache_lanes,
            shares_parts=True,
            steps_back=True,
            stash_bytes=settings.stash_bytes,
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
            embedding_width=WIDTH,
        )
        self.embedder = FakeEmbedder(self)
        self._answer_length = answer_length
        self._lanes: dict[int, list[tuple[int, int]]] = {}  # lane -> (number of the cell, its token)
        self._num_cells = self._num_fetched = 0  # ever taken
        self._rows: list[int] = []
        self._interrupted = threading.Event()
        self.is_closed = False
        self.adopted: dict[str, str] = {}
        self.projector: Projector | None = None
        self._variant = BASE
        self.num_threads = self.facts.num_threads
        self.in_decode: Callable[[Sequence[Slice]], None] = lambda slices: None

    def check_interrupt(self) -> None:
        if self._interrupted.is_set():
            raise Interrupted

    def memory(self) -> Sequence[Measured]:
        return (Measured("ram", "weights", 1),)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        return list(text.encode())

    def least_tokens(self, text: str) -> int:
        return len(text.encode()) // 8  # as if it knew longer words

    def piece(self, token: int) -> bytes:
        return b"" if token == END else bytes([token])

    def spelling(self, token: int) -> bytes:
        return b"<end>" if token == END else bytes([token])

    def is_end(self, token: int) -> bool:
        return token == END

    def decode(self, slices: Sequence[Slice]) -> None:
        assert sum(len(piece.tokens) for piece in slices) <= self.facts.batch_tokens
        assert len({piece.lane for piece in slices}) == len(slices)
        assert len(slices) == 1 or not any(piece.view for piece in slices), "a view comes alone"
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
                self._rows.append(next_token(tokens[:end], self._answer_length, self._variant))

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

    def length(self, lane: int) -> int:
        return len(self._lanes.get(lane, ()))

    def trim(self, lane: int, length: int) -> None:
        assert 0 < length < len(self._lanes[lane]), "nothing is there to be taken back"
        del self._lanes[lane][length:]

    def stowed_bytes(self, lane: int) -> int:
        return 2 * len(self._lanes[lane])

    def stow(self, lane: int, into: Stowed | None = None) -> Stowed:
        stowed = into or memoryview(bytearray(self.stowed_bytes(lane)))
        stowed[:] = array("H", [token for _, token in self._lanes[lane]]).tobytes()
        return stowed

    def fetch(self, stowed: Stowed, lane: int, count: int) -> None:
        tokens = list(stowed.cast("B").cast("H"))
        assert not self._lanes.get(lane), "a lane must be forgotten before it is used again"
        assert self.used_cells + len(tokens) <= self.facts.total_cells, "there is no room for all of it"
        self._num_fetched += count  # fetched cells have negative numbers: they were not computed
        self._lanes[lane] = list(enumerate(tokens[:count], -self._num_fetched))

    def copy(self, source: int, target: int, count: int) -> None:
        assert not self._lanes.get(target), "a lane must be forgotten before it is used again"
        assert len(self._lanes[source]) >= count, "only what is computed can be shared"
        self._lanes[target] = self._lanes[source][:count]

    def adopt(self, name: str, fd: int) -> None:
        """The file's first line is its script: `ok`, `unusable`, or how the worker is killed."""
        self.adopted[name] = script = os.pread(fd, 64, 0).split(b"\n")[0].decode()
        if script == "unusable":
            raise FileUnusable("it is no adapter")
        if script == "segv":
            signal.raise_signal(signal.SIGSEGV)

    def look_through(self, fd: int) -> None:
        raise FileUnusable("the fake model cannot see")

    def become(self, variant: Variant) -> None:
        assert all(self.adopted[name] == "ok" for name, _ in variant)
        self._variant = variant

    def use_threads(self, count: int) -> None:
        assert 1 <= count <= self.facts.num_threads
        self.num_threads = count

    @property
    def is_interrupted(self) -> bool:
        return self._interrupted.is_set()

    def interrupt(self) -> None:
        self._interrupted.set()

    def resume(self) -> None:
        self._interrupted.clear()

    def greedy(self, num_rows: int) -> list[int]:
        assert num_rows == len(self._rows)
        return list(self._rows)

    def logprob(self, row: int, token: int, num_top: int) -> Logprob:
        return Logprob(token, self.piece(token), -0.5, [(token, self.piece(token), -0.5)] * num_top)

    def new_sampler(
        self, sampling: Sampling, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> Sampler | None:
        return None

    def close(self) -> None:
        assert not self.is_closed, "it was closed before"
        self.is_closed = True


class FakeEmbedder:
    """A token's vector counts its low bits and its place: texts that mix, or parts out of order, tell."""

    can_cut = True
    num_slots = 4

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._slots: dict[int, int] = {}
        self.batch_tokens = engine.facts.batch_tokens
        self.steps: list[list[Span]] = []
        self.in_compute: Callable[[Sequence[Span]], None] = lambda spans: None

    def compute(self, spans: Sequence[Span], *, is_ranking: bool) -> list[npt.NDArray[np.float32]]:
        num_tokens = sum(len(span.tokens) for span in spans)
        assert num_tokens <= self.batch_tokens or (len(spans) == 1 and not self.can_cut)
        assert len({span.slot for span in spans}) == len(spans) <= self.num_slots
        self.in_compute(spans)
        self._engine.check_interrupt()
        for span in spans:
            assert span.start == (self._slots.get(span.slot, 0) if span.start else 0), "a span must go on"
        self._slots = {span.slot: span.start + len(span.tokens) for span in spans}
        self.steps.append(list(spans))
        return [token_vectors(span.tokens, span.start) for span in spans]


def token_vectors(tokens: Sequence[int], start: int = 0) -> npt.NDArray[np.float32]:
    """One row for each token, by what it is and where it stands."""
    rows = np.zeros((len(tokens), WIDTH), np.float32)
    for row, token in enumerate(tokens):
        rows[row, token % (WIDTH - 1)] = 1.0
        rows[row, WIDTH - 1] = start + row
    return rows


def next_token(tokens: Sequence[int], answer_length: int, variant: Variant = BASE) -> int:
    """A letter that depends on all tokens so far, or the end after about `answer_length` of them."""
    digest = zlib.crc32(bytes(token & 0xFF for token in tokens))
    if variant:
        digest = zlib.crc32(repr(variant).encode(), digest)
    return END if digest % answer_length == 0 else ord("a") + digest % 26


def expected_answer(prompt: bytes, max_tokens: int, answer_length: int = 20, variant: Variant = BASE) -> str:
    """What FakeEngine answers to a raw prompt, worked out without any scheduler."""
    tokens = list(prompt)
    while len(tokens) - len(prompt) < max_tokens:
        token = next_token(tokens, answer_length, variant)
        if token == END:
            break
        tokens.append(token)
    return bytes(tokens[len(prompt) :]).decode()


def load_fake(model_fd: int, settings: Settings, progress: Callable[[float], None]) -> FakeEngine:
    """A Loader. The model file's first line is its script: `ok`, `unusable`, `memory` or `raise`."""
    behaviour = os.pread(model_fd, 64, 0).split(b"\n")[0].decode()
    progress(0.5)
    if behaviour == "unusable":
        raise FileUnusable("it is not a GGUF file")
    if behaviour == "memory":
        raise MemoryShort("no memory for a context")
    if behaviour == "raise":
        raise EngineError("broken")
    return FakeEngine(settings)
