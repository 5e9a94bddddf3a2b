"""With which rights a command is started, by what the policy and the machine's switch say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hob_client.agent.policy import parse_policy
from hob_client.agent.shell import SHELL, ShellTool
from hob_client.errors import DaemonUnreachable, HobError, NotPermitted

FOLDER = Path("/a/project")


def line_of(tools: dict[str, Any], switch: HobError | None = None) -> list[str]:
    """The line that would be run for a command."""
    lines: list[list[str]] = []

    async def run(line: list[str], folder: Path, seconds: int) -> tuple[str, int | None]:
        assert (folder, seconds) == (FOLDER, 60)
        lines.append(line)
        return "", 0

    async def require_online(purpose: str) -> None:
        if switch is not None:
            raise switch

    async def do() -> None:
        tool = ShellTool(FOLDER, parse_policy({"tools": tools}), require_online, run)
        await (await tool.prepare(SHELL, {"command": "make --no-network"})).do()

    asyncio.run(do())
    (line,) = lines
    assert line[-2:] == ["--", "make --no-network"]
    return line[:-2]


def test_command_writes_in_the_working_directory_unless_the_policy_says_anywhere() -> None:
    line = line_of({})
    assert line[line.index("--writes-below") + 1] == str(FOLDER)
    assert "--writes-below" not in line_of({"shell_writes": "anywhere"})


@pytest.mark.parametrize(
    ("network", "switch", "has_network"),
    [
        ("deny", None, False),
        ("ask", None, True),
        ("allow", None, True),
        ("allow", NotPermitted("hob is offline"), False),
        ("allow", DaemonUnreachable("nobody to ask"), False),
    ],
)
def test_network_needs_the_policy_and_the_switch(
    network: str, switch: HobError | None, has_network: bool
) -> None:
    assert ("--no-network" not in line_of({"network": network}, switch)) is has_network
