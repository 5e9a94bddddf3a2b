"""What a door allows: who may come in, which calls, which models, and in what bounds.

Must stay pure: values in, a verdict out; no clock, no I/O. Fails closed: an rpc that is not in the table is
the owner's alone. Called by the doorway for every connection, by api/gate.py for every call, and by
`hob door test`, which therefore says what would be.

    own        the owner's door alone, whatever another grants
    manage     loads, unloads, pins and verifies the models that are granted
    observe    what happens with them, and the caller's own requests
    infer      answers, vectors and tokens of them
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from hobd.config.doors import OWNER, Terms
from hobd.errors import NotPermitted


class Operation(StrEnum):
    INFER = "infer"
    OBSERVE = "observe"
    MANAGE = "manage"
    OWN = "own"


_ANY = (Operation.INFER, Operation.OBSERVE, Operation.MANAGE)

#: What an rpc is: one of these must be granted. A test fails for an rpc that is not here.
RPCS: dict[str, tuple[Operation, ...]] = {
    "Generate": (Operation.INFER,),
    "Chat": (Operation.INFER,),
    "Infill": (Operation.INFER,),
    "Embed": (Operation.INFER,),
    "Rerank": (Operation.INFER,),
    "Tokenize": (Operation.INFER,),
    "Detokenize": (Operation.INFER,),
    "ApplyTemplate": (Operation.INFER,),
    "ForgetCache": (Operation.INFER,),  # the caller's own
    "ListModels": _ANY,
    "GetModel": _ANY,
    "LoadModel": (Operation.MANAGE,),
    "UnloadModel": (Operation.MANAGE,),
    "PinModel": (Operation.MANAGE,),
    "VerifyModel": (Operation.MANAGE,),
    "ReleaseModel": (Operation.OWN,),
    "TuneModel": (Operation.OWN,),
    "GetStatus": (Operation.OBSERVE,),
    "WatchEvents": (Operation.OBSERVE,),
    "Attest": (Operation.OWN,),  # it names every worker, and each try costs them time
    "GetWires": (Operation.OWN,),
    "GetPrivacy": (Operation.OWN,),
    "Drain": (Operation.OWN,),
    "ListDoors": (Operation.OWN,),
    "AddDoor": (Operation.OWN,),
    "RemoveDoor": (Operation.OWN,),
    "TestDoor": (Operation.OWN,),
    "ReloadConfig": (Operation.OWN,),
}
#: The better, the lower; as a request has it.
CLASSES = ("interactive", "normal", "batch")
#: What a raw prompt is: text that no template has put into turns.
_RAW = frozenset({"Generate", "Infill"})
_GENERATING = frozenset({"Generate", "Chat", "Infill"})
_BUSY_RETRY_MS = 1000
_NO_TERMS = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What a caller may do at a door. The owner's door has no terms: there nothing is refused."""

    door: str
    terms: Terms = _NO_TERMS

    @property
    def is_owner(self) -> bool:
        return self.door == OWNER

    def shows(self, names: Collection[str]) -> bool:
        """Whether a model of these names exists here: its own name, and its aliases."""
        if self.is_owner or not self.terms.models:
            return True
        folded = [name.casefold() for name in names]
        patterns = [pattern.casefold() for pattern in self.terms.models]
        return any(fnmatchcase(name, pattern) for name in folded for pattern in patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for, as far as a policy cares; no text of it."""

    rpc: str
    model: tuple[str, ...] = ()  # its name and aliases; empty for what concerns no model, or all
    priority: int = 1
    max_tokens: int | None = None
    num_answers: int = 1
    says_system: bool = False  # a role other than user, assistant and tool, or arguments of the template
    has_schema: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What the caller uses of the door already."""

    num_running: int = 0
    wait_ms: int = 0  # until there are tokens again


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What becomes of a request; `max_context_tokens` None: as the model has it."""

    priority: int
    max_tokens: int | None
    max_context_tokens: int | None = None
    incognito: bool = False
    keeps_alive: bool = True
    system_prompt: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`rule` is a stable word; `reason` a sentence with the door, what it grants and what was asked."""

    rule: str
    reason: str
    retry_after_ms: int | None = None


def admit(caller_uid: int, owner_uid: int, *, door: str, admitted: Collection[int] | None) -> None:
    """Raises NotPermitted. `admitted`: who comes in beside the owner; None: whoever got here.

    The file system refuses others first; this holds where a mode was loosened by hand, or a socket passed on.
    Root is refused too where it is not named: it can become the owner whenever it means to, and what it then
    asks is the owner's doing; what reaches a door as root does so by mistake.
    """
    if caller_uid == owner_uid or admitted is None or caller_uid in admitted:
        return
    if door == OWNER:
        raise NotPermitted(
            f"this door belongs to uid {owner_uid} and admits no other, also not uid {caller_uid}; "
            "run a hobd of your own",
            door=door,
            rule="users",
        )
    raise NotPermitted(
        f"door {door} does not admit uid {caller_uid}; ask its owner, uid {owner_uid}",
        door=door,
        rule="users",
    )


def refused_rpc(grants: Grants, rpc: str) -> Refused | None:
    """Whether the call is one that this door has at all; what it brings is judged by `decide`."""
    wanted = RPCS.get(rpc, (Operation.OWN,))
    if grants.is_owner or set(wanted) & set(grants.terms.operations):
        return None
    granted = ", ".join(grants.terms.operations)
    needed = "the owner's door" if Operation.OWN in wanted else " or ".join(wanted)
    return Refused(
        rule="operation",
        reason=f"door {grants.door} grants {granted}, and {rpc} needs {needed}; ask its owner",
    )


def decide(grants: Grants, wish: Wish, use: Use = Use()) -> Allowed | Refused:
    """The whole answer. What can be lowered is lowered; what cannot be is refused."""
    if grants.is_owner:
        return Allowed(priority=wish.priority, max_tokens=wish.max_tokens)
    return (
        refused_rpc(grants, wish.rpc)
        or _refused_model(grants, wish)
        or _refused_form(grants, wish)
        or _refused_amount(grants, wish, use)
        or _lowered(grants.terms, wish)
    )


def changes(wish: Wish, allowed: Allowed) -> str:
    """What a door makes of a request that it lets in, in words; empty for nothing."""
    parts = [
        f"class {CLASSES[allowed.priority]}" if allowed.priority != wish.priority else "",
        f"at most {allowed.max_tokens} tokens" if allowed.max_tokens != wish.max_tokens else "",
        f"a context of {allowed.max_context_tokens} tokens" if allowed.max_context_tokens else "",
        "incognito" if allowed.incognito else "",
        "the door's system prompt first" if allowed.system_prompt else "",
    ]
    return ", ".join(part for part in parts if part)


# ------------------------------------------------------------------ private steps


def _refused_model(grants: Grants, wish: Wish) -> Refused | None:
    if not wish.model or grants.shows(wish.model):
        return None
    return Refused(rule="model", reason=f"door {grants.door} has no model {wish.model[0]}")


def _refused_form(grants: Grants, wish: Wish) -> Refused | None:
    terms, door = grants.terms, grants.door
    if wish.rpc in _RAW and not terms.raw_prompts:
        return Refused(
            rule="raw_prompts", reason=f"door {door} takes chats only, and {wish.rpc} is raw; chat"
        )
    if terms.system_prompt and wish.rpc in (*_RAW, "ApplyTemplate"):
        reason = (
            f"door {door} begins every prompt with words of its own, past which {wish.rpc} would go; chat"
        )
        return Refused(rule="system_prompt", reason=reason)
    if terms.system_prompt and wish.says_system:
        reason = (
            f"door {door} has a system prompt of its own and takes user, assistant and tool messages, "
            "without arguments for the template; leave the others out"
        )
        return Refused(rule="system_prompt", reason=reason)
    if terms.schema_only and wish.rpc in _GENERATING and not wish.has_schema:
        reason = f"door {door} answers by JSON schemas only, and the request has none; set response_format"
        return Refused(rule="schema_only", reason=reason)
    return None


def _refused_amount(grants: Grants, wish: Wish, use: Use) -> Refused | None:
    terms, door = grants.terms, grants.door
    most, running, more = terms.max_concurrent, use.num_running, wish.num_answers
    if most and running + more > most:
        return Refused(
            rule="max_concurrent",
            reason=f"door {door} grants you {most} answers at once, and {running} under way with {more} more "
            "would be too many; ask for fewer, or later",
            retry_after_ms=_BUSY_RETRY_MS if more <= most else None,
        )
    if terms.tokens_per_minute and use.wait_ms:
        return Refused(
            rule="tokens_per_minute",
            reason=f"door {door} grants you {terms.tokens_per_minute} tokens a minute, and they are used up; "
            f"ask again in {use.wait_ms / 1000:.1f} s",
            retry_after_ms=use.wait_ms,
        )
    return None


def _lowered(terms: Terms, wish: Wish) -> Allowed:
    caps = [tokens for tokens in (wish.max_tokens, terms.max_tokens) if tokens]
    return Allowed(
        priority=max(wish.priority, CLASSES.index(terms.best_class)),
        max_tokens=min(caps, default=None),
        max_context_tokens=terms.max_context_tokens or None,
        incognito=terms.incognito,
        keeps_alive=Operation.MANAGE in terms.operations,  # to hold memory is to manage it
        system_prompt=terms.system_prompt if wish.rpc == "Chat" else "",
    )
