"""What a user names as a source, and what it means."""

from __future__ import annotations

import pytest
from hob_client.errors import HobError, InvalidRequest
from hob_fetch.source_text import Source, read_source
from hypothesis import given
from hypothesis import strategies as st

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("hf:o/r", Source(scheme="hf", place="o/r", revision="main")),
        ("hf:o/r:q8_0", Source(scheme="hf", place="o/r", revision="main", quantisation="Q8_0")),
        ("hf:o/r/a/b.gguf@v1", Source(scheme="hf", place="o/r", path="a/b.gguf", revision="v1")),
        ("ollama:m", Source(scheme="ollama", place="", path="library/m", revision="latest")),
        ("ollama:u/m:7b", Source(scheme="ollama", place="", path="u/m", revision="7b")),
        ("oci://h:5000/a/b:t", Source(scheme="oci", place="h:5000", path="a/b", revision="t")),
        (f"oci://h/a@{DIGEST}", Source(scheme="oci", place="h", path="a", revision=DIGEST)),
        ("https://h/x.gguf", Source(scheme="url", place="https://h/x.gguf")),
        ("package:p==1.2/a/b.gguf", Source(scheme="package", place="p", path="a/b.gguf", revision="1.2")),
        ("smollm2", Source(scheme="short", place="smollm2")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_source_means_one_thing(text: str, source: Source) -> None:
    assert read_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hf:",
        "hf:r",
        "hf:o/r/../x.gguf",
        "hf:o/../r",
        "hf:o/r/a.gguf:Q4_0",
        "ollama:../x",
        "ollama:a/b/../c",
        "oci://h",
        "oci://h/a@sha256:12",
        "package:p",
        "package:p==1/../x.gguf",
        "Up",
        "../x",
        "x" * 3000,
    ],
)
def test_what_means_nothing_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"write|may have"):
        read_source(text)


@given(st.text(alphabet="hf:olamci/.@-_=ab1\\%\n ", max_size=40))
def test_no_source_climbs(text: str) -> None:
    try:
        source = read_source(text)
    except HobError:
        return
    assert ".." not in f"{source.place}/{source.path}".split("/")
