"""What a door's grants mean for a call: its models, its request, its record.

Must decide nothing itself: that is door/policy.py's. Lets no name of a model out that the door does not
grant, and no word of a request into the audit. Used by the services for every call that names a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from hobd import errors
from hobd.api.host import Call
from hobd.audit.journal import Audit
from hobd.broker.broker import Broker
from hobd.broker.request import Request
from hobd.broker.session import Session
from hobd.door.caller import Caller
from hobd.door.policy import CLASSES, Allowed, Grants, Refused, Wish, decide
from hobd.door.quota import Quotas
from hobd.store.catalog import Entry


class Work:
    """A call for a model under way: what it may do, and what it took."""

    def __init__(self, entry: Entry, allowed: Allowed) -> None:
        self.entry = entry
        self.allowed = allowed
        self.priority: int | None = None
        self.sessions: list[Session] = []

    def granted(self, request: Request) -> Request:
        """The request as the door lets it be."""
        allowed, limits = self.allowed, request.limits
        self.priority = allowed.priority
        return replace(
            request,
            model=self.entry.name,
            priority=allowed.priority,
            limits=msgspec.structs.replace(
                limits, max_tokens=allowed.max_tokens, max_context_tokens=allowed.max_context_tokens
            ),
            domain="" if allowed.incognito else request.domain,
            keep_alive_seconds=request.keep_alive_seconds if allowed.keeps_alive else 0,
        )

    def on_end(self, session: Session) -> None:
        self.sessions.append(session)

    @property
    def num_tokens(self) -> tuple[int, int]:
        """Prompt and answers. A prompt that several answers share counts once."""
        counts = [session.num_tokens for session in self.sessions]
        return max((prompt for prompt, _ in counts), default=0), sum(answer for _, answer in counts)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request concerns a policy; the rest of its Wish the gate knows."""

    priority: int = 1
    max_tokens: int | None = None
    num_answers: int = 1
    says_system: bool = False
    has_schema: bool = False


class Gate:
    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._audit: Audit = broker.audit
        self._clock = clock
        self._quotas = Quotas()

    # ------------------------------------------------------------------ models

    def entry(self, grants: Grants, model: str) -> Entry:
        """The model of this name, or the default. One that is not granted is not there, and neither is told
        apart from one that never was. Raises ModelNotFound, ModelUnusable or InvalidRequest.
        """
        if grants.is_owner:
            return self._broker.resolve(model)
        try:
            entry = self._broker.resolve(model or self._default(grants))
        except (errors.ModelUnusable, errors.ModelNotFound) as error:
            if isinstance(error, errors.ModelUnusable) and grants.shows((error.model,)):
                raise
            raise self._not_here(grants) from None
        if not grants.shows(names(entry)):
            raise self._not_here(grants)
        return entry

    def entries(self, grants: Grants) -> list[Entry]:
        self._broker.catalog.scan()
        return [entry for entry in self._broker.catalog.entries() if grants.shows(names(entry))]

    def shows(self, grants: Grants, model: str) -> bool:
        """Whether the door grants a model that the broker speaks of by its name."""
        if grants.is_owner or not model or grants.shows((model,)):
            return True
        entry = next((entry for entry in self._broker.catalog.entries() if entry.name == model), None)
        return entry is not None and grants.shows(names(entry))

    def _default(self, grants: Grants) -> str:
        """The daemon's, if it is granted; else the only one that is."""
        granted = self.entries(grants)
        configured = self._broker.config.models.default
        if any(configured.casefold() in map(str.casefold, names(entry)) for entry in granted):
            return configured
        if len(granted) == 1:
            return granted[0].name
        suggestions = tuple(entry.name for entry in granted)
        raise errors.InvalidRequest(f"name a model of door {grants.door}", suggestions=suggestions)

    def _not_here(self, grants: Grants) -> errors.ModelNotFound:
        found = tuple(entry.name for entry in self.entries(grants))
        hint = f"name one of {', '.join(found[:8])}" if found else "ask its owner"
        return errors.ModelNotFound(
            f"door {grants.door} has no model of this name; {hint}",
            suggestions=found[:3],
            door=grants.door,
            rule="model",
        )

    # ------------------------------------------------------------------ calls

    @contextmanager
    def work(self, call: Call[Any, Any], model: str, asked: Asked = Asked()) -> Iterator[Work]:
        """A call that a model is to answer: refused here, or under way in the block and recorded after it.

        Raises NotPermitted, Busy, and what `entry` raises.
        """
        key, per_minute = call.caller.key, call.grants.terms.tokens_per_minute
        work = Work(*self._allowed(call, model, asked))
        self._quotas.begin(key, asked.num_answers, self._clock())
        began, outcome = self._clock(), "cancelled"
        try:
            yield work
            outcome = "done"
        except errors.HobError as error:
            outcome = type(error).__name__
            raise self._discreet(call.grants, error) from None
        finally:
            num_tokens = sum(work.num_tokens)
            self._quotas.end(key, asked.num_answers, num_tokens, per_minute, self._clock())
            self._record(call, work, outcome, round((self._clock() - began) * 1000))

    @contextmanager
    def managed(self, call: Call[Any, Any], model: str) -> Iterator[Entry]:
        """A call that moves a model, recorded after the block with who wanted it. Raises as `entry` does."""
        entry, outcome = self.entry(call.grants, model), "cancelled"
        try:
            yield entry
            outcome = "done"
        except errors.HobError as error:
            outcome = type(error).__name__
            raise self._discreet(call.grants, error) from None
        finally:
            self._audit.write("managed", **_who(call.caller), rpc=call.rpc, model=entry.name, outcome=outcome)

    def _allowed(self, call: Call[Any, Any], model: str, asked: Asked) -> tuple[Entry, Allowed]:
        grants, entry = call.grants, self.entry(call.grants, model)
        verdict = decide(
            grants,
            Wish(
                rpc=call.rpc,
                model=names(entry),
                priority=asked.priority,
                max_tokens=asked.max_tokens,
                num_answers=asked.num_answers,
                says_system=asked.says_system,
                has_schema=asked.has_schema,
            ),
            self._quotas.use(call.caller.key, grants.terms.tokens_per_minute, self._clock()),
        )
        if isinstance(verdict, Refused):
            raise refusal(grants, verdict)
        return entry, verdict

    def _discreet(self, grants: Grants, error: errors.HobError) -> errors.HobError:
        """What the broker says of room in memory may name models that are not to be known here."""
        if grants.is_owner or not grants.terms.models or not isinstance(error, errors.Busy):
            return error
        reason = f"{error.model or 'the model'} cannot be had now; ask again shortly"
        return errors.Busy(reason, model=error.model, retry_after_ms=error.retry_after_ms)

    def _record(self, call: Call[Any, Any], work: Work, outcome: str, ms: int) -> None:
        prompt, answer = work.num_tokens
        last = work.sessions[-1] if work.sessions else None
        receipt = last.receipt if last else None
        self._audit.write(
            "request",
            **_who(call.caller),
            rpc=call.rpc,
            model=work.entry.name,
            sha256=(receipt.model_sha256 if receipt else work.entry.sha256) or "",
            request_id=last.request_id if last else "",
            priority="" if work.priority is None else CLASSES[work.priority],
            num_prompt_tokens=prompt,
            num_completion_tokens=answer,
            outcome=last.outcome if last else outcome,
            ms=ms,
        )


def names(entry: Entry) -> tuple[str, ...]:
    return (entry.name, *entry.aliases)


def refusal(grants: Grants, refused: Refused) -> errors.HobError:
    """A verdict as what is raised for it."""
    kind: type[errors.HobError] = errors.NotPermitted
    if refused.rule in ("max_concurrent", "tokens_per_minute") and refused.retry_after_ms is not None:
        kind = errors.Busy
    return kind(refused.reason, retry_after_ms=refused.retry_after_ms, door=grants.door, rule=refused.rule)


def _who(caller: Caller) -> dict[str, str | int]:
    return {"door": caller.door, "uid": caller.uid, "executable": caller.executable}
