"""Consent, record, and the way of a call: nothing is done that nobody allowed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hob_client.agent.consent import Gate, Question, Reply, Word
from hob_client.agent.journal import Journal
from hob_client.agent.policy import parse_policy
from hob_client.agent.toolbox import Toolbox
from hob_client.agent.values import Action, Call, Kind, Outcome, Spec, ToolFault
from hypothesis import given, settings
from hypothesis import strategies as st

SCHEMA = {"type": "object", "properties": {"x": {}}, "required": []}
SPECS = {kind: Spec(name=kind, kind=kind, description="", parameters=SCHEMA) for kind in Kind}


class Bench:
    """A toolbox whose tools note that they were used; `replies` are a person's."""

    def __init__(self, folder: Path, tools: dict[str, str], *replies: Reply) -> None:
        self.log = folder / "tools.log"
        self.used: list[str] = []
        self.asked: list[Question] = []
        self._replies = list(replies)
        policy = parse_policy(
            {"tools": tools, "mcp": {"s": {"command": "c", "network": False}}}, "tools.toml"
        )
        self.gate = Gate(policy, self._ask)
        self.box = Toolbox(policy, self.gate, Journal("chat", self.log), self)
        self.box.add([SPECS[kind] for kind in Kind if kind is not Kind.MCP], self)
        self.box.add([SPECS[Kind.MCP]], self, server="s")

    def run(self, kind: Kind, **arguments: Any) -> Outcome:
        return asyncio.run(self.box.run(Call(id="1", name=kind, arguments=arguments)))

    async def prepare(self, spec: Spec, arguments: Any) -> Action:
        async def do() -> str:
            self.used.append(spec.name)
            return "canary result"

        server = "s" if spec.kind is Kind.MCP else ""
        title = f"title {sorted(arguments.values())}"
        return Action(kind=spec.kind, title=title, scope="all", do=do, server=server)

    async def begin(self, call: Call, action: Action) -> None:
        pass

    async def end(self, call: Call, outcome: Outcome) -> None:
        pass

    async def _ask(self, question: Question) -> Word:
        self.asked.append(question)
        return Word(reply=self._replies.pop(0), why="not now")


def test_refused_call_is_not_done_and_the_model_hears_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {}, Reply.NO)
    outcome = bench.run(Kind.WRITE)
    assert not outcome.is_done and outcome.text == "error: the user does not allow this: not now"
    assert bench.used == []


def test_writes_ask_each_time_and_reads_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {}, Reply.YES, Reply.YES, Reply.YES)
    for kind in (Kind.READ, Kind.READ, Kind.WRITE, Kind.WRITE):
        assert bench.run(kind).is_done
    assert [question.call.name for question in bench.asked] == ["read", "write", "write"]
    assert [question.holds_for_session for question in bench.asked] == [True, False, False]


def test_always_holds_for_the_session_and_its_kind_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {}, Reply.SESSION, Reply.NO)
    assert bench.run(Kind.WRITE, x="a").is_done and bench.run(Kind.WRITE, x="b").is_done
    assert not bench.run(Kind.MCP).is_done and len(bench.asked) == 2


def test_always_for_a_command_covers_that_command_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"shell": "ask"}, Reply.SESSION, Reply.NO)
    assert bench.run(Kind.SHELL, x="ls").is_done and bench.run(Kind.SHELL, x="ls").is_done
    assert not bench.run(Kind.SHELL, x="rm").is_done


def test_mode_of_an_editor_can_be_taken_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {}, Reply.NO)
    bench.gate.grant(Kind.WRITE)
    assert bench.run(Kind.WRITE).is_done
    bench.gate.grant(Kind.WRITE, False)
    assert not bench.run(Kind.WRITE).is_done


def test_what_is_denied_is_not_offered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"write": "deny"})
    assert set(bench.box.names) == {"read", "mcp", "note"}


def test_denied_call_is_refused_even_if_it_was_offered(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {})
    gate = Gate(parse_policy({}), bench._ask)
    action = asyncio.run(bench.prepare(SPECS[Kind.SHELL], {}))
    with pytest.raises(ToolFault, match="denied by the default"):
        asyncio.run(gate.admit(Call(id="1", name="shell", arguments={}), action))


def test_arguments_that_a_tool_has_not_are_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {})
    assert "one that it has not" in bench.run(Kind.READ, y=1).text and bench.asked == []


def test_record_has_decisions_and_sizes_and_no_text(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {}, Reply.YES, Reply.NO)
    bench.run(Kind.READ, x="canary")
    bench.run(Kind.WRITE, x="canary")
    text = bench.log.read_text()
    records = [json.loads(line) for line in text.splitlines()]
    assert [(each["tool"], each["decision"], each["done"]) for each in records] == [
        ("read", "person", True),
        ("write", "refused", False),
    ]
    assert "canary" not in text and bench.log.stat().st_mode & 0o777 == 0o600


@settings(max_examples=40)  # each makes files
@given(
    calls=st.lists(st.tuples(st.sampled_from(list(Kind)), st.sampled_from("ab")), max_size=12),
    replies=st.lists(st.sampled_from(list(Reply)), min_size=12, max_size=12),
    permission=st.sampled_from(["once", "ask"]),
)
def test_nothing_is_done_without_a_yes(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[Kind, str]],
    replies: list[Reply],
    permission: str,
) -> None:
    tools = dict.fromkeys(("read", "write", "shell"), permission)
    bench = Bench(tmp_path_factory.mktemp("bench"), tools, *replies)
    said_yes: set[str] = {"note"}
    for kind, x in calls:
        num_asked = len(bench.asked)
        outcome = bench.run(kind, x=x)
        if len(bench.asked) > num_asked and replies[num_asked] is not Reply.NO:
            said_yes.add(kind)
        assert not outcome.is_done or kind in said_yes
