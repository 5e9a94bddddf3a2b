"""Every error of a client has a status and a shape in every dialect."""

from __future__ import annotations

import pytest
from hob_client import errors
from hob_client.errors import HobError
from hob_gateway import faults


def all_errors() -> list[type[HobError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HobError)]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_three_shapes(kind: type[HobError]) -> None:
    error = kind("a sentence", suggestions=("one",))
    assert kind.code in faults.STATUSES and 400 <= faults.status_of(error) < 600
    assert faults.openai_shape(error)["error"]["message"] == "a sentence; there are: one"
    assert faults.anthropic_shape(error)["type"] == "error"
    assert faults.ollama_shape(error) == {"error": "a sentence; there are: one"}


def test_time_to_ask_again_is_told_in_whole_seconds() -> None:
    assert faults.headers_of(errors.Busy("later", retry_after_ms=1200)) == {"retry-after": "2"}
    assert faults.headers_of(errors.Busy("later")) == {}
