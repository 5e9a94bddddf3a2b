"""Whatever a client with a token sends to any path: an answer or an error, and never a bug."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway

SECRET = "a very secret text"
WORDS = st.sampled_from(
    ["user", "system", "tool", "assistant", "text", "function", "auto", SECRET, "", "5m", "\ud800"]
)
#: What the dialects look for.
NAMES = st.sampled_from(
    [
        *("model", "messages", "role", "content", "type", "text", "tools", "function", "name", "parameters"),
        *("tool_choice", "stop", "stream", "input", "prompt", "suffix", "max_tokens", "temperature", "n"),
        *("logit_bias", "options", "format", "images", "keep_alive", "think", "system", "thinking", "id"),
        *("tool_calls", "arguments", "image_url", "url", "source", "documents", "query", "tokens", "image"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
PATHS = (
    *("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages"),
    *(
        "/v1/messages/count_tokens",
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
        "/api/show",
    ),
    *("/infill", "/completion", "/tokenize", "/detokenize", "/apply-template", "/rerank"),
)


def conversation() -> st.SearchStrategy[Any]:
    """Mostly right, so that some of it gets far."""
    turn = st.fixed_dictionaries({"role": WORDS, "content": VALUES}, optional={"tool_calls": VALUES})
    return st.dictionaries(NAMES, VALUES, max_size=5).flatmap(
        lambda fields: st.lists(turn, max_size=3).map(lambda turns: fields | {"messages": turns})
    )


@pytest.mark.parametrize("path", PATHS)
def test_any_fields_are_answered_or_refused(gateway: RunningGateway, door: FakeDaemon, path: str) -> None:
    with gateway.http() as http:

        @settings(max_examples=20, suppress_health_check=list(HealthCheck))
        @given(st.dictionaries(NAMES, VALUES, max_size=6) | conversation())
        def ask(fields: dict[str, Any]) -> None:
            told = http.post(path, content=json.dumps(fields))
            assert told.status_code < 500, told.text
            assert told.status_code == 200 or SECRET not in told.text

        ask()
    assert SECRET not in gateway.log
