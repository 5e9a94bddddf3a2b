"""A turn with tools against real llama.cpp: the grammar makes the call, and the result goes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hob_client import AsyncClient
from hob_client.agent import file_tools
from hob_client.agent.confinement import Place
from hob_client.agent.consent import Gate, Question, Reply, Word
from hob_client.agent.driver import Talk, work
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.files import Files
from hob_client.agent.journal import Journal
from hob_client.agent.policy import parse_policy
from hob_client.agent.toolbox import Toolbox
from hob_client.agent.turn import Ending, Limits, Turn
from hob_client.agent.values import Action, Call, Declined, Outcome
from hob_client.events import Event

from tests.daemon import RunningDaemon
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.model
# Nothing to choose: a model of random weights is of two minds at every letter.
SCHEMA = {
    "type": "object",
    "properties": {"path": {"const": "a.txt"}},
    "required": ["path"],
    "additionalProperties": False,
}
READ = replace(file_tools.READ, parameters=SCHEMA)


class Witness:
    """Ears, and a show."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    async def hear(self, event: Event) -> None: ...
    async def decline(self, declined: Declined) -> None: ...
    async def end(self, call: Call, outcome: Outcome) -> None: ...

    async def begin(self, call: Call, action: Action) -> None:
        self.titles.append(action.title)


async def yes(question: Question) -> Word:
    return Word(reply=Reply.YES)


async def read_with_model(daemon: RunningDaemon, folder: Path, witness: Witness) -> tuple[Talk, Ending]:
    policy, place = parse_policy({}), Place(folder)
    box = Toolbox(policy, Gate(policy, yes), Journal("chat", daemon.home / "tools.log"), witness)
    box.add([READ], file_tools.FileTools(Files(place, Exclusions(place))))
    talk = Talk(model="tiny", parameters={"tool_choice": "read_file", "max_tokens": 120, "temperature": 0})
    talk.turns.append({"role": "user", "content": "Read it."})
    async with AsyncClient(daemon.socket, start=False) as client:
        return talk, await work(client, talk, Turn(box.names, Limits(num_steps=2)), box, witness)


def test_call_that_the_grammar_makes_is_carried_out_and_told(
    real_daemon: RunningDaemon, tmp_path: Path
) -> None:
    write_tiny_model(real_daemon.models / "tiny.gguf", context=2048)
    (tmp_path / "project").mkdir()
    (tmp_path / "project/a.txt").write_text("half past nine\n")
    witness = Witness()
    talk, _ = asyncio.run(read_with_model(real_daemon.start(), tmp_path / "project", witness))
    asked, called, told, answered = talk.turns
    assert [turn["role"] for turn in talk.turns] == ["user", "assistant", "tool", "assistant"]
    assert witness.titles == ["read a.txt"] and told["content"] == "     1\thalf past nine"
    assert called["tool_calls"][0]["id"] == told["tool_call_id"] and answered["content"]
    assert asked["content"] == "Read it."
