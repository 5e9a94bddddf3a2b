"""How many bytes a model will take, by device and purpose, told from its header before it is loaded.

Must stay pure: no I/O, no clock, no exception for an odd header. Its settings must be what the worker
really does (worker/llama_engine.py, draft_model.py, llama_embedder.py); benchmarks/estimate.py compares it
with what was measured. Used by appraisal.py, fit.py and whoever reserves memory.

Where the numbers come from:
    weights   the tensors, byte by byte; on a processor they may be copied into a format of its own, and the
              file's pages are free again then
    kv_cache  cells x what each layer keeps of a token, and lanes x the states of recurrent layers
    compute   what is alive at the fullest moment of a step (see `_fullest_moment`), and the rows of logits
    overhead  Python, its libraries, the renderer, and llama.cpp's vocabulary: measured
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hobd.broker.account import RAM, Account, Line, Purpose
from hobd.broker.dimensions import Dimensions, Layer, dimensions
from hobd.store.header import Header

MAX_DEFAULT_CONTEXT = 8192
#: Numbers per block, and bytes per block, of what a cell may be written as.
KV_TYPES = {"f16": (1, 2), "q8_0": (32, 34)}
_CACHE_LANES, _MOST_LANES = 16, 256
_ROWS_A_LANE = 8  # a token that is sure, and the drafts after it
_CELL_PADDING = 256
_VECTOR_SLOTS = 64
_USUAL_TEXT = 512
_DRAFT_LANES, _DRAFT_CELLS, _DRAFT_BATCH = 4, 8192, 128
# Measured with benchmarks/estimate.py: a worker that has loaded nothing, and what a vocabulary adds.
_WORKER_BYTES = 62 << 20
_TOKEN_BYTES, _MERGE_BYTES = 110, 210
_F32 = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A device that layers may go to, and its share of them: llama.cpp splits by free memory."""

    name: str
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a model will be loaded. Zeros mean what they mean to the worker: it chooses."""

    context_tokens: int = 0
    num_lanes: int = 1
    batch_tokens: int = 512
    kv_cells: int = 0
    kv_type: str = "f16"
    gpu_layers: int | None = None  # None: all of them, where there is a GPU
    stash_bytes: int = 0
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is loaded with a model."""

    draft: Header | None = field(default=None, repr=False)
    adapters: tuple[Header, ...] = field(default=(), repr=False)
    projector_bytes: int = 0


ALONE = Beside()


def estimate(header: Header, settings: Settings, beside: Beside = ALONE) -> Account:
    """What loading it will take; lines of nothing are left out."""
    sizes = dimensions(header)
    lines = [
        *_network(sizes, settings),
        Line(device=RAM, purpose=Purpose.PREFIX_CACHE, num_bytes=_stash(sizes, settings)),
        Line(device=RAM, purpose=Purpose.OVERHEAD, num_bytes=_overhead(sizes)),
        Line(device=RAM, purpose=Purpose.PROJECTOR, num_bytes=beside.projector_bytes),
        *_adapters(sizes, settings, beside.adapters),
    ]
    if beside.draft is not None and can_speculate(sizes):
        draft = dimensions(beside.draft)
        drafting = draft_settings(sizes, settings)
        whole = (*_network(draft, drafting), _vocabulary_line(draft))
        lines += [replace(line, purpose=Purpose.DRAFT) for line in whole]
    return merged(lines)


def merged(lines: Iterable[Line]) -> Account:
    """One line for each device and purpose, in the order of the first of each."""
    sums: dict[tuple[str, Purpose], int] = {}
    for line in lines:
        key = line.device, line.purpose
        sums[key] = sums.get(key, 0) + line.num_bytes
    return tuple(Line(device=d, purpose=p, num_bytes=n) for (d, p), n in sums.items() if n)


def cells(sizes: Dimensions, settings: Settings) -> int:
    """Tokens that all lanes hold together, as llama.cpp rounds them up."""
    wanted = max(settings.kv_cells, context_tokens(sizes, settings), num_sequences(sizes, settings))
    return _padded(wanted, _CELL_PADDING)


def context_tokens(sizes: Dimensions, settings: Settings) -> int:
    """The longest one sequence may get."""
    return settings.context_tokens or min(sizes.trained_tokens or MAX_DEFAULT_CONTEXT, MAX_DEFAULT_CONTEXT)


def num_sequences(sizes: Dimensions, settings: Settings) -> int:
    """Lanes, and those that hold prefixes of ended sequences where the memory can share them."""
    shares = can_speculate(sizes)
    cache = min(_CACHE_LANES, _MOST_LANES - settings.num_lanes) if shares else 0
    return settings.num_lanes + max(0, cache)


def can_speculate(sizes: Dimensions) -> bool:
    """A part of a lane can be shared, and taken back."""
    return sizes.has_memory and not sizes.is_recurrent and not sizes.window


def draft_settings(sizes: Dimensions, settings: Settings) -> Settings:
    """As worker/draft_model.py loads the draft for a model of these sizes."""
    context = min(context_tokens(sizes, settings), _DRAFT_CELLS)
    lanes = min(_DRAFT_LANES, settings.num_lanes)
    return replace(
        settings,
        context_tokens=context,
        kv_cells=context,
        num_lanes=lanes,
        batch_tokens=_DRAFT_BATCH,
        stash_bytes=0,
    )


# ------------------------------------------------------------------ one network


def _network(sizes: Dimensions, settings: Settings) -> Iterable[Line]:
    """Weights, cells and the numbers of a step, each where its layer is."""
    places = layer_places(len(sizes.layers), settings)
    yield Line(device=RAM, purpose=Purpose.WEIGHTS, num_bytes=sizes.input_bytes)
    # What says tokens goes where the last layer's results are; a shared tensor is copied there.
    output = sizes.output_bytes
    if sizes.is_tied and places[-1] != RAM:
        output += sizes.vocabulary * sizes.width * _bytes_per_number(sizes)
    yield Line(device=places[-1], purpose=Purpose.WEIGHTS, num_bytes=output)
    held, sequences = cells(sizes, settings), num_sequences(sizes, settings)
    for layer, place in zip(sizes.layers, places, strict=False):
        kept = _kept_bytes(layer, held, sequences, settings.kv_type)
        yield Line(device=place, purpose=Purpose.WEIGHTS, num_bytes=layer.weights_bytes)
        yield Line(device=place, purpose=Purpose.KV_CACHE, num_bytes=kept)
    yield from _compute(sizes, settings, places)


def layer_places(num_layers: int, settings: Settings) -> Sequence[str]:
    """The device of each layer, and at the end that of the output: the last ones go to GPUs."""
    total = num_layers + 1
    wanted = total if settings.gpu_layers is None else min(settings.gpu_layers, total)
    if not settings.gpus or not wanted:
        return [RAM] * total
    places = [RAM] * (total - wanted)
    all_free = sum(gpu.free_bytes for gpu in settings.gpus) or 1
    for number in range(wanted):
        places.append(_gpu_at(number / wanted, settings.gpus, all_free))
    return places


def _gpu_at(fraction: float, gpus: Sequence[Gpu], all_free: int) -> str:
    reached = 0
    for gpu in gpus:
        reached += gpu.free_bytes
        if fraction < reached / all_free:
            return gpu.name
    return gpus[-1].name


def _kept_bytes(layer: Layer, held: int, sequences: int, kv_type: str) -> int:
    block, num_bytes = KV_TYPES[kv_type]
    rows = sum(-(-width // block) * num_bytes for width in (layer.key_width, layer.value_width))
    return rows * held + layer.state_size * _F32 * sequences


def _bytes_per_number(sizes: Dimensions) -> int:
    """Of the tensor that reads tokens, roughly; only a copy on another device asks."""
    numbers = sizes.vocabulary * sizes.width
    return max(1, round(sizes.input_bytes / numbers)) if numbers else 0


# ------------------------------------------------------------------ a step


def _compute(sizes: Dimensions, settings: Settings, places: Sequence[str]) -> Iterable[Line]:
    """Each device computes the whole width of the network for the layers it has."""
    batch, sequences, room = _step(sizes, settings)
    rows = batch if sizes.makes_vectors else min(batch, max(sequences, settings.num_lanes * _ROWS_A_LANE))
    moment = _fullest_moment(sizes, batch, rows, sequences, room)
    for device in dict.fromkeys(places):
        yield Line(device=device, purpose=Purpose.COMPUTE, num_bytes=moment)
    if RAM not in places:  # what goes into a step is made here all the same
        inputs = batch * (sizes.width * _F32 + room * 2)
        yield Line(device=RAM, purpose=Purpose.COMPUTE, num_bytes=inputs)
    each = sizes.vocabulary + (sizes.width if sizes.makes_vectors else 0)
    results = max(sequences, rows if sizes.makes_vectors else 0) * each * _F32
    yield Line(device=RAM, purpose=Purpose.COMPUTE, num_bytes=results)


def _step(sizes: Dimensions, settings: Settings) -> tuple[int, int, int]:
    """Tokens of the longest step, the sequences in it, and the cells that it looks at."""
    batch = max(settings.batch_tokens, 1)
    if sizes.makes_vectors:
        # A text is read whole, however long: most are no longer than this.
        batch = max(batch, min(_USUAL_TEXT, context_tokens(sizes, settings)))
        batch = 1 << (batch - 1).bit_length()
        return batch, min(_VECTOR_SLOTS, batch), batch if not sizes.has_memory else _padded(batch, 256)
    sequences = num_sequences(sizes, settings)
    wanted = max(settings.kv_cells, context_tokens(sizes, settings), sequences)
    return min(batch, wanted), sequences, cells(sizes, settings)


def _fullest_moment(sizes: Dimensions, batch: int, rows: int, sequences: int, room: int) -> int:
    """Bytes that are alive at once when most are: while logits are made, or inside a layer."""
    width, hidden = sizes.width, sizes.hidden
    used = max(sizes.experts_used, 1)
    forward = max(3 * used * hidden + 4 * width, used * (hidden + 2 * width) if sizes.experts_used else 0)
    attending = max((_attending(layer, sizes) for layer in sizes.layers), default=0)
    recurring = 6.5 * sizes.inner if sizes.inner else 7.5 * width if sizes.is_recurrent else 0
    # A mask says for each token of the step which cells it may see, in two bytes; another one for windows.
    mask = room * (2 if sizes.window else 1) / 2 if attending else 0
    inside = mask + max(forward, attending, recurring)
    logits = rows * (sizes.vocabulary + 2 * width) + batch * 2 * width if sizes.has_memory else 0
    states = max((layer.state_size for layer in sizes.layers), default=0) * sequences * 1.2
    return int(_F32 * (max(batch * inside, logits) + states))


def _attending(layer: Layer, sizes: Dimensions) -> float:
    """Numbers of a token while a layer attends; 0 if it does not."""
    if not layer.key_width and sizes.has_memory:
        return 0
    if sizes.latent:
        return sizes.heads * sizes.latent + 3.5 * sizes.width
    return 2 * layer.query_width + layer.key_width + layer.value_width + 2.5 * sizes.width


# ------------------------------------------------------------------ beside it


def _stash(sizes: Dimensions, settings: Settings) -> int:
    return settings.stash_bytes if sizes.has_memory and not sizes.makes_vectors else 0


def _overhead(sizes: Dimensions) -> int:
    return _WORKER_BYTES + _vocabulary_line(sizes).num_bytes


def _vocabulary_line(sizes: Dimensions) -> Line:
    num_bytes = sizes.vocabulary * _TOKEN_BYTES + sizes.num_merges * _MERGE_BYTES
    return Line(device=RAM, purpose=Purpose.OVERHEAD, num_bytes=num_bytes)


def _adapters(sizes: Dimensions, settings: Settings, adapters: Sequence[Header]) -> Iterable[Line]:
    """An adapter's tensors lie beside those they change; spread evenly, as they nearly always are."""
    places = layer_places(len(sizes.layers), settings)[:-1] or [RAM]
    for header in adapters:
        each = sum(tensor.num_bytes for tensor in header.tensors) // len(places)
        for place in places:
            yield Line(device=place, purpose=Purpose.ADAPTERS, num_bytes=each)


def _padded(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
