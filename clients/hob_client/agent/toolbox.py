"""All tools of a session, and the way of each call: prepare, consent, do, record.

Must do nothing that consent.py did not let pass, and record every call that gets so far as to have a tool.
Made by hob_cli and hob_editors; called by driver.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hob_client.agent.arguments import check_names
from hob_client.agent.consent import Gate
from hob_client.agent.journal import Journal
from hob_client.agent.policy import Permission, Policy
from hob_client.agent.values import Action, Call, Kind, Outcome, Spec, ToolFault


class Maker(Protocol):
    """Makes actions of calls."""

    async def prepare(self, spec: Spec, arguments: Mapping[str, Any]) -> Action: ...


class Show(Protocol):
    """Whoever shows calls to a person."""

    async def begin(self, call: Call, action: Action) -> None: ...
    async def end(self, call: Call, outcome: Outcome) -> None: ...


class Toolbox:
    """Offers what the policy does not deny."""

    __slots__ = ("_gate", "_journal", "_makers", "_policy", "_show", "_specs")

    def __init__(self, policy: Policy, gate: Gate, journal: Journal, show: Show) -> None:
        self._policy = policy
        self._gate = gate
        self._journal = journal
        self._show = show
        self._specs: dict[str, Spec] = {}
        self._makers: dict[str, Maker] = {}

    def add(self, specs: Sequence[Spec], maker: Maker, *, server: str = "") -> None:
        for spec in specs:
            if self._policy.rule(spec.kind, server).permission is not Permission.DENY:
                self._specs[spec.name] = spec
                self._makers[spec.name] = maker

    def offered(self) -> list[dict[str, Any]]:
        """As hob_client takes tools."""
        return [
            {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
            for spec in self._specs.values()
        ]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._specs)

    async def run(self, call: Call) -> Outcome:
        """What came of a call; a fault is told to the model, and is no error here."""
        decision, outcome = "fault", Outcome(text="it was cancelled", is_done=False)
        has_begun = False
        try:
            action = await self._prepare(call)
            await self._show.begin(call, action)
            has_begun, decision = True, "refused"
            decision = await self._gate.admit(call, action)
            outcome = Outcome(text=await action.do(), is_done=True)
        except ToolFault as fault:
            outcome = Outcome(text=f"error: {fault}", is_done=False)
        except asyncio.CancelledError:
            decision = "cancelled"
            raise
        finally:
            self._record(call, decision, outcome)
        if not has_begun:
            await self._show.begin(call, _unprepared(call, self._specs[call.name].kind))
        await self._show.end(call, outcome)
        return outcome

    async def _prepare(self, call: Call) -> Action:
        spec = self._specs[call.name]
        if spec.kind is not Kind.MCP:  # its server looks at them
            check_names(spec, call.arguments)
        return await self._makers[call.name].prepare(spec, call.arguments)

    def _record(self, call: Call, decision: str, outcome: Outcome) -> None:
        self._journal.write(
            tool=call.name,
            decision=decision,
            is_done=outcome.is_done,
            num_argument_bytes=len(json.dumps(call.arguments)),
            num_result_bytes=len(outcome.text.encode(errors="replace")),
        )


def _unprepared(call: Call, kind: Kind) -> Action:
    async def do() -> str:
        raise ToolFault("it was not prepared")

    return Action(kind=kind, title=call.name, scope="", do=do)
