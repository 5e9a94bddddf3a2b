"""What is told of a request: names of ours and numbers."""

from __future__ import annotations

import json
import re
from typing import Any

from hob_gateway.records import Record, access_line, method_of, parent_of, trace
from hypothesis import given
from hypothesis import strategies as st

RECORDS = st.builds(
    Record,
    method=st.text().map(method_of),
    began_at=st.floats(0, 4e9),
    route=st.sampled_from(["-", "/v1/models/{name:path}"]),
    token=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    status=st.integers(0, 599),
    num_bytes=st.integers(0, 1 << 40),
    first_ms=st.none() | st.floats(0, 1e6),
    took_ms=st.floats(0, 1e7),
)
PART = re.compile(r"[a-z_]+=[^ =]+")


@given(RECORDS)
def test_line_is_one_line_of_named_values(record: Record) -> None:
    parts = access_line(record).split(" ")
    assert all(PART.fullmatch(part) for part in parts) and parts[1] == "event=access"


@given(RECORDS)
def test_span_is_json_that_ends_after_it_begins(record: Record) -> None:
    told = json.loads(json.dumps(trace(record, "a" * 32, "b" * 16)))
    (span,) = told["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert (span["traceId"], span["spanId"], "parentSpanId" in span) == ("a" * 32, "b" * 16, False)


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_only_a_well_formed_parent_is_taken(said: str) -> None:
    parent = parent_of(said)
    assert parent is None or (said[:3] == "00-" and said.split("-")[1:3] == list(parent))
    assert parent is None or all(int(part, 16) for part in parent)


def test_parent_is_told() -> None:
    parent = parent_of(f"00-{'1' * 32}-{'2' * 16}-01")
    told: Any = trace(Record(method="GET", began_at=1, parent=parent), "a" * 32, "b" * 16)
    span = told["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert (span["traceId"], span["parentSpanId"]) == ("1" * 32, "2" * 16)


@given(st.text())
def test_method_that_nobody_has_is_not_told(said: str) -> None:
    assert method_of(said) in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "OTHER")
