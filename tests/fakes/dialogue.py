"""A daemon whose answers to Chat differ: the first script for the first call, and so on.

Must fail a test that asks more often than it has answers. Used by tests of agents.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hob.v1 import inference_pb2 as pb

from tests.fakes.daemon import FakeDaemon, tell


class Dialogue(FakeDaemon):
    """`scripts`: as FakeDaemon's script, one for each answer."""

    def __init__(self, path: Path, *scripts: tuple[Any, ...]) -> None:
        super().__init__(path)
        self.scripts = list(scripts)

    async def play(self, stream: Any, response: type[Any]) -> None:
        self.script = self.scripts.pop(0)
        await super().play(stream, response)

    @property
    def chats(self) -> list[Any]:
        """The requests that were answered by scripts."""
        return [request for request in self.requests if isinstance(request, pb.ChatRequest)]

    def results(self) -> list[str]:
        """What the model was told of its calls, up to the last request."""
        return [each.content[0].text for each in self.chats[-1].messages if each.role == "tool"]


def call(name: str, *, id: str = "c1", **arguments: Any) -> tuple[pb.Event, ...]:
    """An answer that is nothing but a call."""
    started, done = tell(finish_reason="TOOL_CALLS")
    piece = pb.ToolCallDelta(index=0, id=id, name=name, arguments=json.dumps(arguments))
    return (started, pb.Event(tool_call=piece), done)
