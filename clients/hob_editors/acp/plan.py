"""The tool with which a model tells its plan, for the editor to show.

Must do nothing else: a plan asks for no rights. Used by session.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acp import Client, plan_entry, update_plan
from hob_client.agent.telling import unmasked
from hob_client.agent.values import Action, Kind, Spec, ToolFault

_STATES = ("pending", "in_progress", "completed")
_MOST_STEPS, _MOST_CHARACTERS = 20, 200
PLAN = Spec(
    name="update_plan",
    kind=Kind.NOTE,
    description="Show the user the steps of a longer task, and which are done. Give all of them each time.",
    parameters={
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "maxItems": _MOST_STEPS,
                "items": {
                    "type": "object",
                    "properties": {
                        "step": {"type": "string", "maxLength": _MOST_CHARACTERS},
                        "status": {"enum": list(_STATES)},
                    },
                    "required": ["step", "status"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["steps"],
        "additionalProperties": False,
    },
)


class PlanTool:
    """Of one session."""

    def __init__(self, editor: Client, session_id: str) -> None:
        self._editor = editor
        self._id = session_id

    async def prepare(self, spec: Spec, arguments: Mapping[str, Any]) -> Action:
        steps = arguments["steps"]
        if not isinstance(steps, list) or len(steps) > _MOST_STEPS:
            raise ToolFault(f"steps must be a list of at most {_MOST_STEPS}")
        entries = [_entry(step) for step in steps]

        async def do() -> str:
            await self._editor.session_update(session_id=self._id, update=update_plan(entries))
            return "shown"

        return Action(kind=Kind.NOTE, title=f"plan of {len(entries)} steps", scope="", do=do)


def _entry(step: Any) -> Any:
    text, status = (step.get("step"), step.get("status")) if isinstance(step, Mapping) else (None, None)
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS or status not in _STATES:
        raise ToolFault(f"each step has a step of at most {_MOST_CHARACTERS} characters, and a status")
    return plan_entry(unmasked(text, is_line=True), status=status)
