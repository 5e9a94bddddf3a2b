"""One generation as the scheduler sees it: tokens, counts and a state; never text.

Must stay pure: no clock, no I/O. Made by intake.py, moved through its states by scheduler.py only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Tokens
from enum import Enum

from hobd.worker.lookup import Lookup
from hobd.worker.shadow import Shadow
from hobd.worker.variants import BASE, Variant
from hobd.worker.views import View, is_stand_in, place_in_view


class State(Enum):
    """
    QUEUED ──lane──> PREFILL ──all computed──> DECODE ──> ENDED
       ^                │                        │
       └────────────────┴──────preempted─────────┘        (any state can end by cancellation)
    """

    QUEUED = "queued"
    PREFILL = "prefill"
    DECODE = "decode"
    ENDED = "ended"


class EndReason(Enum):
    EOS = "eos"
    STOP = "stop"
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"


class Sequence:
    """`tokens` are the prompt's and then the generated ones.

        tokens   0 ........ num_computed ........ len(tokens)
                 in the KV cache      still to be computed

    While decoding exactly one token is still to be computed: the one sampled last.
    """

    __slots__ = (
        "arrival",
        "caller",
        "domain",
        "has_grace",
        "id",
        "ignore_eos",
        "lane",
        "lookup",
        "max_tokens",
        "num_cached",
        "num_computed",
        "num_preemptions",
        "num_prompt",
        "priority",
        "promise",
        "queued_at",
        "shadow",
        "state",
        "tokens",
        "variant",
        "views",
    )

    def __init__(
        self,
        id: int,
        prompt: Tokens[int],
        *,
        generated: Tokens[int] = (),
        priority: int = 1,
        max_tokens: int | None = None,
        ignore_eos: bool = False,
        domain: str = "",
        caller: str = "",
        variant: Variant = BASE,
        views: Mapping[int, View] | None = None,
    ) -> None:
        """`generated` is what another worker had sampled before it died.

        `domain`: whose cached prefixes it may use and add to; empty for none. `caller`: who shares.
        `variant`: what computes it; its prefixes are of use to no other, so its domain must be its own.
        `views`: what the prompt's stand-ins stand for, by the first token of each.
        """
        if not prompt:
            raise ValueError("a sequence needs at least one token")
        self.id = id
        self.tokens = [*prompt, *generated]
        self.num_prompt = len(prompt)
        self.priority = priority
        self.max_tokens = max_tokens
        self.ignore_eos = ignore_eos
        self.domain = domain
        self.caller = caller
        self.variant = variant
        self.views = views or {}
        self.arrival = 0
        self.lane: int | None = None
        self.num_computed = 0
        self.num_cached = 0  # of the prompt, found computed when it first got a lane
        self.num_preemptions = 0
        self.queued_at = 0
        self.promise: tuple[Sequence, int] | None = None  # who computes how much of what it begins with
        self.has_grace = False
        # Who guess what comes next, from its own past and by a draft model; without them nothing is guessed.
        self.lookup: Lookup | None = None
        self.shadow: Shadow | None = None
        self.state = State.QUEUED

    def __repr__(self) -> str:
        return f"Sequence({self.id}, {self.state.value}, {self.num_computed}/{len(self.tokens)})"

    def grow(self, token: int, context_tokens: int) -> EndReason | None:
        """One more token of the answer. Says why it is the last one, if it is."""
        self.state = State.DECODE
        self.tokens.append(token)
        if self.max_tokens is not None and self.num_generated >= self.max_tokens:
            return EndReason.MAX_TOKENS
        return EndReason.CONTEXT_FULL if len(self.tokens) >= context_tokens else None

    def view_at(self, index: int) -> tuple[View, int] | None:
        """The view that the token there is a part of, and its place in it; None for a word."""
        if not self.views or not is_stand_in(token := self.tokens[index]):
            return None
        place = place_in_view(token)
        return self.views[token - place], place

    @property
    def looks_next(self) -> bool:
        """Whether what it computes next is a view."""
        return self.view_at(self.num_computed) is not None

    @property
    def num_alike(self) -> int:
        """Tokens to be computed next that are all words, or all of one view."""
        left = len(self.tokens) - self.num_computed
        if not self.views:
            return left
        if (seen := self.view_at(self.num_computed)) is not None:
            return len(seen[0]) - seen[1]
        ahead = self.tokens[self.num_computed :]
        return next((at for at, token in enumerate(ahead) if is_stand_in(token)), left)

    @property
    def num_generated(self) -> int:
        return len(self.tokens) - self.num_prompt

    @property
    def standing(self) -> tuple[bool, int]:
        """Its class, the smaller the better. Grace, which waiting long earns, goes before all classes."""
        return (not self.has_grace, self.priority)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Who stays when there is no room for all: the smaller. Nothing that others get changes it."""
        return (not self.has_grace, self.priority, self.arrival)


def lanes_of(sequences: Iterable[Sequence]) -> list[int]:
    return [sequence.lane for sequence in sequences if sequence.lane is not None]
