"""The policy file: strict defaults, and one sentence for each mistake."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hob_client.agent.policy import Permission, parse_policy
from hob_client.agent.policy_file import EXAMPLE, read_policy
from hob_client.agent.values import Kind
from hob_client.errors import InvalidRequest


def server(**fields: Any) -> dict[str, Any]:
    return {"mcp": {"notes": {"command": "notes", **fields}}}


def test_nothing_said_is_strict() -> None:
    policy = parse_policy({})
    told = [policy.rule(kind).permission for kind in (Kind.READ, Kind.WRITE, Kind.SHELL)]
    assert told == [Permission.ONCE, Permission.ASK, Permission.DENY]
    assert policy.network.permission is Permission.DENY and policy.servers == {}


def test_example_says_what_holds_without_it() -> None:
    said, unsaid = parse_policy(tomllib.loads(EXAMPLE)), parse_policy({})
    assert (said.limits, said.shell_seconds, said.exclude) == (unsaid.limits, unsaid.shell_seconds, ())
    assert not said.shell_writes_anywhere and not unsaid.shell_writes_anywhere
    for kind in (Kind.READ, Kind.WRITE, Kind.SHELL):
        assert said.rule(kind).permission is unsaid.rule(kind).permission


def test_example_with_its_server_is_a_policy() -> None:
    text = EXAMPLE.replace("# [mcp", "[mcp")
    lines = [line[2:] if line.startswith("# ") and " = " in line else line for line in text.splitlines()]
    assert parse_policy(tomllib.loads("\n".join(lines))).servers["notes"].args == ("--read-only",)


def test_server_may_use_a_network_unless_it_is_said_not_to() -> None:
    policy = parse_policy(server())
    assert policy.servers["notes"].uses_network
    assert policy.rule(Kind.MCP, "notes") is policy.network


def test_server_without_a_network_asks() -> None:
    assert parse_policy(server(network=False)).rule(Kind.MCP, "notes").permission is Permission.ASK


def test_network_never_makes_a_server_more_than_it_is() -> None:
    table = server(permission="deny") | {"tools": {"network": "allow"}}
    assert parse_policy(table).rule(Kind.MCP, "notes").permission is Permission.DENY


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"tool": {}}, "'tool'"),
        ({"tools": {"reed": "ask"}}, "'reed'"),
        ({"tools": {"read": "yes"}}, r"\[tools\] read in .* must be one of"),
        ({"tools": []}, "must be a table"),
        ({"limits": {"steps": 1}}, r"\[limits\] steps .* from 2 to 200"),
        ({"limits": {"steps": True}}, "from 2 to 200"),
        ({"limits": {"shell_seconds": 0}}, "from 1 to 3600"),
        ({"tools": {"shell_writes": "home"}}, 'shell_writes .* "folder" or "anywhere"'),
        ({"exclude": {"patterns": "x"}}, "list of at most 256 texts"),
        ({"mcp": {"A b": {"command": "x"}}}, "whose name is not like"),
        ({"mcp": {"a": {}}}, r"\[mcp.a\] command"),
        (server(network="no"), "true or false"),
        (server(environment=["TOKEN=1"]), "without their values"),
        (server(url="http://x"), "'url'"),
    ],
    ids=str,
)
def test_mistake_is_named_with_its_place(table: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        parse_policy(table, "tools.toml")


def test_policy_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tools.toml"
    path.write_text('[tools]\nshell = "allow"\n')
    path.chmod(0o662)
    with pytest.raises(InvalidRequest, match="written by others"):
        read_policy(path)


def test_no_policy_is_the_defaults_and_broken_toml_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tools.toml"
    assert read_policy(path) == parse_policy({})
    path.write_text("[tools\n")
    with pytest.raises(InvalidRequest, match="is no TOML"):
        read_policy(path)
