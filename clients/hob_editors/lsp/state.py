"""How completing stands, in one word, and when a person is to be told.

Must stay pure. Called by telling.py.

    off ──> connecting ──> loading ──> ready | no_fim
     ^          │  ^          │            │
     └──────────┴──┴── daemon_down | failed┘       each may follow any other: the last call shows which it is
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    OFF = "off"
    CONNECTING = "connecting"
    LOADING = "loading"
    READY = "ready"
    NO_FIM = "no_fim"  # the model answers, but was never trained on gaps
    DAEMON_DOWN = "daemon_down"
    FAILED = "failed"


#: What is said aloud, once, until something else was so in between.
ALARMING = frozenset({State.NO_FIM, State.DAEMON_DOWN, State.FAILED})
_SAYS = {
    State.OFF: "hob is off",
    State.CONNECTING: "hob looks for its daemon",
    State.LOADING: "the model is being loaded",
    State.READY: "ready",
    State.NO_FIM: "the model was not trained to fill gaps, so it does not see what follows the cursor; "
    "choose one that was with the setting hob.model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `hob/status` tells."""

    state: State
    model: str = ""
    message: str = ""
    is_excluded: bool = False  # the text being edited is never shown to a model

    def record(self) -> dict[str, object]:
        told = asdict(self)
        return {
            "state": str(told["state"]),
            "model": told["model"],
            "message": told["message"] or _SAYS.get(self.state, ""),
            "isExcluded": told["is_excluded"],
        }


class Alarms:
    """Remembers what was said aloud."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: set[tuple[State, str]] = set()

    def is_due(self, standing: Standing) -> bool:
        if standing.state == State.READY:
            self._said.clear()
        key = (standing.state, standing.model)
        if standing.state not in ALARMING or key in self._said:
            return False
        self._said.add(key)
        return True
