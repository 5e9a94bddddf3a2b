"""What the loop needs of an engine: the seam between hob and llama.cpp, and the values that cross it.

Must import nothing heavy: fakes and pure code use it too. Implemented by llama_engine.py and by
tests/fakes/engine.py; used by load.py, intake.py and loop.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hobd.wire.messages import Constraint, Logprob, Measured, Sampling
from hobd.worker.embedder import Embedder
from hobd.worker.variants import Variant
from hobd.worker.views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to load a model. Zeros mean: the engine chooses. `degraded` names a work-around, or is empty."""

    context_tokens: int = 0
    num_lanes: int = 1
    num_cache_lanes: int = 16  # beside those; they hold prefixes of ended sequences
    batch_tokens: int = 512
    num_threads: int = 0
    kv_cells: int = 0
    degraded: str = ""
    speculates: bool = True
    stash_bytes: int = 0
    template: bytes | None = field(default=None, repr=False)  # instead of the model's own; not yet decoded
    kv_type: str = "f16"  # or q8_0
    gpu_layers: int | None = None  # None: all, where there is a GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Fim:
    """The tokens that stand around a gap ("fill in the middle"). None: the model has no such token."""

    prefix: int
    suffix: int
    middle: int
    repository: int | None = None
    file: int | None = None

    @property
    def markers(self) -> frozenset[int]:
        known = (self.prefix, self.suffix, self.middle, self.repository, self.file)
        return frozenset(token for token in known if token is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Affixes:
    """The tokens that a model wants around a text, and between two that it is to compare."""

    before: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A token that means something to the model beyond its text, such as the end of a turn."""

    text: str
    token: int
    strips_left: bool = False  # it takes the spaces before it away, or those after it
    strips_right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a loaded model is, and what room it has."""

    architecture: str
    context_tokens: int  # the longest one sequence can get
    num_lanes: int
    num_cache_lanes: int  # 0 where this model's memory cannot share a prefix between lanes
    shares_parts: bool  # a part of a lane is the state after a part of its tokens, and can be taken back
    steps_back: bool  # an unfinished step can be taken back; else it must not be interrupted
    stash_bytes: int  # of memory for lanes that were stowed
    total_cells: int  # KV cells that all lanes share
    batch_tokens: int
    num_threads: int  # that compute at most
    computes_on_cpu: (
        bool  # the threads do all the work, so what they got of the cores tells how busy those are
    )
    speculates: bool  # guesses tokens ahead: only where the end of a lane can be taken back
    vocabulary: int
    weights_bytes: int
    template: str | None
    bos_text: str
    eos_text: str
    can_generate: bool = True  # not so for a model that was made for vectors
    embedding_width: int = 0  # numbers in a vector
    pooling: str = "mean"  # what the model itself does to make one: mean, cls, last
    has_ranking: bool = False  # a head that scores a document
    affixes: Affixes = Affixes()
    fim: Fim | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """`tokens` of one lane, which is `start` long; the last `num_rows` of them want logits.

    With a `view` they stand for that many of its embeddings, from the one numbered `place` on.
    """

    lane: int
    start: int
    tokens: Sequence[int]
    num_rows: int
    view: View | None = None
    place: int = 0


class EngineError(Exception):
    """The engine cannot do it; one sentence why, without text of a prompt."""


class FileUnusable(EngineError):
    """The model file is damaged, or no model that this build knows."""


class MemoryShort(EngineError):
    """There was not enough memory."""


class Interrupted(Exception):
    """`interrupt` was called during the decode; no slice of it counts."""


class ConstraintUnusable(Exception):
    """A constraint cannot be enforced; one sentence why, without its text."""


class Sampler(Protocol):
    """Chooses one sequence's tokens. Holds what penalties need to remember, and where a constraint stands."""

    def draw(self, row: int, position: int) -> int:
        """The token for logits row `row` of the last decode; `position` keys the randomness."""

    def accept(self, token: int) -> None:
        """The token was taken; once for each, in order."""

    @property
    def fault(self) -> str:
        """Why it cannot go on, as one sentence; empty while it can. `draw` then says the model's end."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image, decoded: rows of pixels, three bytes each."""

    width: int
    height: int
    rgb: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A sound, decoded: one channel of 32-bit floats, at the rate that was asked for."""

    samples: bytes = field(repr=False)


class Projector(Protocol):
    """What gives a model eyes or ears. `lay_out` may be called from any thread, `encode` from one."""

    sees: bool
    hears: bool
    sample_rate: int  # that sounds must have

    def lay_out(self, medium: Picture | Sound) -> list[int | View]:
        """The tokens and views that a medium becomes in a prompt.

        Raises:
            EngineError: the model cannot take it.
        """

    def encode(self, view: View) -> None:
        """Computes the view's embeddings. Takes seconds.

        Raises:
            EngineError: it cannot be done.
        """

    def close(self) -> None: ...


Stowed = memoryview
"""A lane's cells, as only an engine of the same build and model can read them."""


class Engine(Protocol):
    """One loaded model. Decoding, lanes and the embedder belong to one thread; the rest to any."""

    facts: Facts

    @property
    def embedder(self) -> Embedder: ...

    @property
    def projector(self) -> Projector | None:
        """What `look_through` was given."""

    @property
    def controls(self) -> Sequence[Control]:
        """The tokens that `tokenize` makes only where it parses special ones."""

    def memory(self) -> Sequence[Measured]:
        """What it takes of memory now, by device and purpose."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def least_tokens(self, text: str) -> int:
        """So many tokens a text is at least, without reading it; 0 where that cannot be told."""

    def piece(self, token: int) -> bytes:
        """The token's bytes; empty for control tokens. A piece need not be whole UTF-8."""

    def spelling(self, token: int) -> bytes:
        """The token as the model's file writes it, control tokens too: the same in models of a family."""

    def is_end(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""

    def decode(self, slices: Sequence[Slice]) -> None:
        """Computes all slices; logits rows then count the tokens that wanted them, in order.

        A slice of a view comes alone. Only where `facts.can_generate`.

        Raises:
            Interrupted: nothing was kept of any slice.
            MemoryShort: no room in the KV cache; nothing was kept.
            EngineError: the engine is broken; the worker should end.
        """

    def forget(self, lane: int) -> None:
        """Gives up all cells of a lane; those that no other lane holds are free."""

    def length(self, lane: int) -> int:
        """How many tokens of a lane the engine holds."""

    def trim(self, lane: int, length: int) -> None:
        """Takes back what was computed of a lane after its first `length` cells; only with cache lanes."""

    def copy(self, source: int, target: int, count: int) -> None:
        """Lane `target`, which is empty, shares the first `count` cells of `source`; no cell is taken.

        Only with cache lanes: not every model's memory can.
        """

    def stowed_bytes(self, lane: int) -> int:
        """How many bytes a lane takes when it is stowed."""

    def stow(self, lane: int, into: Stowed | None = None) -> Stowed:
        """A copy of a lane's cells in plain memory: `into`, which has its size, or memory of its own."""

    def fetch(self, stowed: Stowed, lane: int, count: int) -> None:
        """Fills an empty lane with the first `count` stowed cells. There must be room for all of them.

        They may have been stowed by another engine of the same build, model and variant.

        Raises:
            EngineError: the engine is broken; the worker should end.
        """

    def adopt(self, name: str, fd: int) -> None:
        """Loads an adapter of the model from a descriptor, which stays the caller's to close.

        Raises:
            EngineError: it cannot be used; the model is as it was.
        """

    def look_through(self, fd: int) -> None:
        """Loads a projector from a descriptor, which stays the caller's to close.

        Raises:
            EngineError: it cannot be used; the model is as it was.
        """

    def become(self, variant: Variant) -> None:
        """What is decoded from now on is computed with these adapters, all of them adopted."""

    def use_threads(self, count: int) -> None:
        """So many threads compute from the next decode on."""

    def interrupt(self) -> None:
        """Makes a decode under way end early. Safe from any thread."""

    def resume(self) -> None:
        """Takes an `interrupt` back, before the next decode."""

    def greedy(self, num_rows: int) -> list[int]:
        """The likeliest token of each logits row of the last decode."""

    def logprob(self, row: int, token: int, num_top: int) -> Logprob:
        """A token's log-probability before any truncation or temperature, and the likeliest tokens'."""

    def new_sampler(
        self, sampling: Sampling, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> Sampler | None:
        """None when `sampling` is plain greedy and nothing constrains it: `greedy` is enough for that.

        Raises:
            ConstraintUnusable: it is faulty, or this model cannot be held to it.
        """

    def close(self) -> None:
        """Frees the model and its memory. The engine is of no use afterwards."""


Loader = Callable[[int, Settings, Callable[[float], None]], Engine]
"""(descriptor of the model file, settings, progress) -> engine. Raises FileUnusable or MemoryShort."""
