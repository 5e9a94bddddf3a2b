"""What is printed for each tool: where, who, which model."""

from __future__ import annotations

import json
import tomllib

import pytest
from hob_client.errors import InvalidRequest
from hob_gateway.connecting import TOOLS, Place, wire

PLACE = Place(url="http://127.0.0.1:4620", token="hob-secret", model="tiny")


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_is_told_where(tool: str) -> None:
    assert "http://127.0.0.1:4620" in wire(tool, PLACE).text
    assert "hob-secret" not in repr(PLACE) + repr(wire(tool, PLACE))


def test_files_are_of_their_format() -> None:
    assert tomllib.loads(wire("codex", PLACE).text)["model_providers"]["hob"]["wire_api"] == "responses"
    for tool in ("zed", "opencode"):
        json.loads(wire(tool, PLACE).text)


def test_unknown_tool_is_told_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="there are aider, anthropic"):
        wire("nothing", PLACE)


def test_tools_are_not_sent_to_a_unix_socket() -> None:
    with pytest.raises(InvalidRequest, match="tools speak TCP"):
        wire("openai", Place(url="unix:/x"))
