"""What a fake daemon is told to say, for all dialects.

Must stay data. Used by tests/gateway.
"""

from __future__ import annotations

from typing import Any

from hob.v1 import inference_pb2 as pb

from tests.fakes.daemon import tell

PARAMETERS: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}


def call(arguments: str, **first: Any) -> pb.Event:
    return pb.Event(tool_call=pb.ToolCallDelta(arguments=arguments, num_tokens=1, **first))


def a_call() -> tuple[pb.Event, ...]:
    """One call in two pieces."""
    started, *_, done = tell("", finish_reason="TOOL_CALLS")
    return started, call('{"city":', id="call_1", name="get_weather"), call('"Oslo"}'), done


def a_thought_and_a_call() -> tuple[pb.Event, ...]:
    """Reasoning, text, and two calls."""
    thought = pb.Event(delta=pb.TokenDelta(text="Hmm", is_reasoning=True))
    text = pb.Event(delta=pb.TokenDelta(text="Look:"))
    started, first, second, done = a_call()
    return started, thought, text, first, second, call("{}", id="call_2", name="get_time", index=1), done
