"""What broker and worker say to each other, and what each may say in which phase.

Must stay data: strict types, bounds, no code, no pickle. The broker treats all that comes from a
worker as hostile and kills on surprise. Used by broker/link.py and worker/loop.py.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec

from hobd.wire.attesting import Attest as Attest
from hobd.wire.attesting import Attested as Attested
from hobd.wire.deltas import CallPart as CallPart
from hobd.wire.deltas import Delta as Delta
from hobd.wire.deltas import Logprob as Logprob
from hobd.wire.deltas import TextPart as TextPart
from hobd.wire.generation import Calling as Calling
from hobd.wire.generation import ChatPrompt as ChatPrompt
from hobd.wire.generation import Constraint as Constraint
from hobd.wire.generation import Limits as Limits
from hobd.wire.generation import Lora as Lora
from hobd.wire.generation import Reasoning as Reasoning
from hobd.wire.generation import Sampling as Sampling
from hobd.wire.generation import TextPrompt as TextPrompt
from hobd.wire.generation import TokensPrompt as TokensPrompt
from hobd.wire.memory import MAX_MEASURED as MAX_MEASURED
from hobd.wire.memory import GpuLayers as GpuLayers
from hobd.wire.memory import KvType as KvType
from hobd.wire.memory import Measured as Measured
from hobd.wire.memory import MeasuredFor as MeasuredFor
from hobd.wire.memory import Memory as Memory
from hobd.wire.states import ForgetPrefixes as ForgetPrefixes
from hobd.wire.states import Forgotten as Forgotten
from hobd.wire.states import Kept as Kept
from hobd.wire.states import Purpose as Purpose
from hobd.wire.states import Restore as Restore
from hobd.wire.states import SetStash as SetStash
from hobd.wire.texts import MAX_WIDTH as MAX_WIDTH
from hobd.wire.texts import ContextFile as ContextFile
from hobd.wire.texts import EmbedPrompt as EmbedPrompt
from hobd.wire.texts import InfillPrompt as InfillPrompt
from hobd.wire.texts import RerankPrompt as RerankPrompt
from hobd.wire.texts import Vector as Vector
from hobd.wire.texts import Vectors as Vectors
from hobd.wire.values import Count as Count
from hobd.wire.values import Id as Id
from hobd.wire.values import Line as Line
from hobd.wire.values import Message as Message
from hobd.wire.values import TokenId as TokenId
from hobd.wire.values import Value as Value

WIRE_VERSION = 2
# A worker gets prompts, so it may be sent much; it answers in pieces, the longest being a rendered prompt.
MAX_FRAME_TO_WORKER_BYTES = 16 << 20
MAX_FRAME_TO_BROKER_BYTES = 8 << 20


# ------------------------------------------------------------------ broker to worker


class Adapter(Value, frozen=True):
    """One of the model's adapters. With a problem there is no descriptor of it."""

    name: str
    problem: str = ""


class Load(Message, frozen=True, tag=True):
    """Load the model behind a descriptor that comes along. Zeros mean: choose yourself."""

    context_tokens: Count
    num_lanes: Count
    batch_tokens: Count
    num_threads: Count
    kv_cells: Count
    degraded: str
    speculates: bool = True  # guesses tokens ahead where it pays
    stash_bytes: Count = 0  # memory for prefixes that are in the way in the KV cache
    adapters: tuple[Adapter, ...] = ()  # those without a problem in the order of their descriptors
    template: bytes | None = None  # replaces the model's own chat template
    projector_problem: str = ""  # why there is no descriptor of one though the model has one
    descriptors: tuple[Purpose, ...] = ("model",)
    tray_begin: Count = 0  # of the tray; what lies before is the broker's to fill
    kv_type: KvType = "f16"
    gpu_layers: GpuLayers = None
    handles: Annotated[tuple[Count, ...], msgspec.Meta(max_length=1000)] = ()  # on Windows: the descriptors


Prompt = TextPrompt | TokensPrompt | ChatPrompt | InfillPrompt | EmbedPrompt | RerankPrompt


class Resume(Value, frozen=True):
    """An answer whose worker died: the tokens of it that were told, in order. Text is made of them anew.

    Of vectors: the numbers of the inputs that were told, which need not be computed again.
    """

    tokens: list[TokenId]


class Submit(Message, frozen=True, tag=True):
    id: Id
    prompt: Prompt
    sampling: Sampling
    limits: Limits
    priority: Annotated[int, msgspec.Meta(ge=0, le=2)]  # 0 goes first
    truncation: str  # "", drop_oldest_messages, keep_end
    caller: Line = ""  # shares of a class are fair between callers
    domain: Line = ""  # whose cached prefixes it uses and adds to; "": none's
    resume: Resume | None = None
    constraint: Constraint | None = None
    loras: tuple[Lora, ...] = ()


class Cancel(Message, frozen=True, tag=True):
    id: Id


class Tokenize(Message, frozen=True, tag=True):
    id: Id
    text: str
    add_special: bool
    parse_special: bool


class Detokenize(Message, frozen=True, tag=True):
    id: Id
    tokens: list[TokenId]


class Render(Message, frozen=True, tag=True):
    id: Id
    prompt: ChatPrompt


class Stop(Message, frozen=True, tag=True):
    """Leave; requests under way are the broker's to explain."""

    keep_ms: Count = 0  # so long it may lay prefixes into the tray, to be restored; 0: leave at once


#: What has one short answer.
Question = Tokenize | Detokenize | Render | ForgetPrefixes | Attest
ToWorker = Load | Restore | Submit | Cancel | Question | SetStash | Stop

# ------------------------------------------------------------------ worker to broker


class Hello(Message, frozen=True, tag=True):
    """Born, confined, libraries loaded."""

    wire_version: int
    engine_build: Line
    sandbox: Line


class Loading(Message, frozen=True, tag=True):
    fraction: float


class Probing(Message, frozen=True, tag=True):
    """The first decode begins. Who dies now shows that this machine cannot run this build as it is."""


class LoadingAdapter(Message, frozen=True, tag=True):
    """The model answers; the adapter of this number is read and tried now. Who dies now can do without it."""

    number: Annotated[int, msgspec.Meta(ge=0, lt=1000)]


class LoadingProjector(Message, frozen=True, tag=True):
    """The model answers; its projector is read and tried now. Who dies now can do without it."""


class LoadingDraft(Message, frozen=True, tag=True):
    """The model answers; its draft model is read now. Who dies now can do without it."""


class Ready(Message, frozen=True, tag=True):
    architecture: Line
    context_tokens: Count
    num_lanes: Count
    total_cells: Count
    num_threads: Count
    vocabulary: Count
    weights_bytes: Count
    has_template: bool
    can_generate: bool = True
    embedding_width: Annotated[int, msgspec.Meta(ge=0, le=MAX_WIDTH)] = (
        0  # numbers in a vector; 0: it makes none
    )
    has_ranking: bool = False  # scores a document by its own head
    has_infill: bool = False  # has tokens for what is before and after a gap
    draft_problem: Line = ""  # why the draft model that came with it is of no use
    sees: bool = False  # takes images
    hears: bool = False  # takes sounds
    projector_problem: Line = ""  # why the projector that came with it is of no use
    memory: Memory = ()
    sandbox: Line = ""  # the confinement from now on


class LoadFailed(Message, frozen=True, tag=True):
    kind: str  # unusable, memory
    reason: Line


class Notice(Value, frozen=True):
    """What the caller should know though it stops nothing; never text of the prompt."""

    code: Line
    message: Line


class Admitted(Message, frozen=True, tag=True):
    """The prompt was understood and waits for a lane."""

    id: Id
    num_prompt_tokens: Count
    num_dropped_tokens: Count
    template_sha256: Line
    notices: Annotated[list[Notice], msgspec.Meta(max_length=8)] = []
    num_media_tokens: Count = 0  # of the prompt's, those that stand for images and sounds


class End(Value, frozen=True):
    id: Id
    reason: str  # eos, stop, tool_calls, max_tokens, context_full, cancelled
    stop: str
    num_prompt_tokens: Count
    num_cached_tokens: Count
    num_completion_tokens: Count
    queue_us: Count
    prefill_us: Count
    decode_us: Count


class Tally(Value, frozen=True):
    """How full a worker is, and what it has done since it was loaded."""

    num_running: Count = 0
    num_queued: Count = 0
    num_threads: Count = 0  # that compute now
    used_cells: Count = 0
    cached_cells: Count = 0  # of the used ones, those kept for prompts to come
    stash_bytes: Count = 0  # prefixes moved out of the KV cache
    num_prompt_tokens: Count = 0
    num_cached_tokens: Count = 0  # of the prompts', those found in the cache
    num_drafted_tokens: Count = 0  # guessed ahead
    num_accepted_tokens: Count = 0  # of those, the ones guessed right
    draft_problem: Line = ""  # why the draft model, which was loaded, guesses no more


class Step(Message, frozen=True, tag=True):
    """All that one decode step brought, for all sequences."""

    begun: list[Id]  # sequences that got a lane; told before their first tokens are computed
    deltas: list[Delta]
    ends: list[End]
    tally: Tally


class Refused(Message, frozen=True, tag=True):
    """`error` names a class of errors.py; the message never holds text of the prompt."""

    id: Id
    error: Line
    message: Line
    needed_tokens: Count | None = None
    available_tokens: Count | None = None


class Tokens(Message, frozen=True, tag=True):
    id: Id
    tokens: list[TokenId]


class Text(Message, frozen=True, tag=True):
    id: Id
    text: str


class Rendered(Message, frozen=True, tag=True):
    id: Id
    text: str
    num_tokens: Count
    template_sha256: Line


ToBroker = (
    Hello
    | Loading
    | Probing
    | LoadingAdapter
    | LoadingProjector
    | LoadingDraft
    | Ready
    | LoadFailed
    | Admitted
    | Step
    | Vectors
    | Refused
    | Tokens
    | Text
    | Rendered
    | Forgotten
    | Attested
    | Kept
)


class Phase(Enum):
    """Where a worker's life stands, as the broker sees it."""

    STARTING = "starting"
    LOADING = "loading"
    PROBING = "probing"
    ADAPTING = "loading an adapter"
    PROJECTING = "loading the projector"
    DRAFTING = "loading the draft"
    SERVING = "serving"


#: What a worker may say in each phase. Anything else kills it.
ALLOWED: dict[Phase, tuple[type[Message], ...]] = {
    Phase.STARTING: (Hello,),
    Phase.LOADING: (Loading, Probing, LoadFailed),
    Phase.PROBING: (LoadingAdapter, LoadingProjector, LoadingDraft, Ready, LoadFailed),
    Phase.ADAPTING: (LoadingAdapter, LoadingProjector, LoadingDraft, Ready),
    Phase.PROJECTING: (LoadingDraft, Ready),
    Phase.DRAFTING: (Loading, Ready),
    Phase.SERVING: (Admitted, Step, Vectors, Refused, Tokens, Text, Rendered, Forgotten, Attested, Kept),
}
#: The message that ends a phase, and the phase it begins.
NEXT_PHASE: dict[type[Message], Phase] = {
    Hello: Phase.LOADING,
    Probing: Phase.PROBING,
    LoadingAdapter: Phase.ADAPTING,
    LoadingProjector: Phase.PROJECTING,
    LoadingDraft: Phase.DRAFTING,
    Ready: Phase.SERVING,
}
