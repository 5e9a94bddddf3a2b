"""What models may be called."""

from __future__ import annotations

import pytest
from hob_client.errors import InvalidRequest
from hob_client.shelf.names import MAX_CHARACTERS, check_name, name_of
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("name", ["a", "SmolLM2-135M.Q4_K_M", "a+b_c-1"])
def test_plain_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".a",
        "-a",
        "a.",
        "a/b",
        "..",
        "a\\b",
        "a\nb",
        "ä",
        "a.gguf",
        "mmproj-a",
        "a.mmproj",
        "a" * 129,
        "a-00002-of-00003",
    ],
)
def test_name_that_would_be_something_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="--as"):
        check_name(name)


@pytest.mark.parametrize(
    ("file", "name"),
    [("a/b/My Model (1).Q4_0.gguf", "My-Model-1-.Q4_0"), ("../../etc/x.GGUF", "x"), ("C:\\m.gguf", "m")],
)
def test_publishers_file_becomes_a_name(file: str, name: str) -> None:
    assert name_of(file) == name


@given(st.text(max_size=300))
def test_no_file_name_becomes_a_path(file: str) -> None:
    name = name_of(file)
    assert not name or check_name(name) == name
    assert len(name) <= MAX_CHARACTERS and "/" not in name and not name.startswith(".")
