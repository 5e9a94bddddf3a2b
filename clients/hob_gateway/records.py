"""What is told of a request once it is over: a line of the access log, a span of a trace.

Must hold names of ours and numbers only, never a word of what was said: no path as it was asked for, no
header, no body. Pure; guard.py makes a record for each request, and journal.py writes it down.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hob.version import VERSION
from hob_client.values import Receipt

METHODS = frozenset(("GET", "HEAD", "POST", "DELETE", "OPTIONS"))
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_SERVER, _ERROR = 2, 2  # SPAN_KIND_SERVER, STATUS_CODE_ERROR


@dataclass(slots=True, kw_only=True)
class Record:
    """Filled by whoever learns it. `route`: the pattern as the program has it; "-" where none fits."""

    method: str
    began_at: float  # seconds since 1970
    parent: tuple[str, str] | None = None  # the trace and span of whoever asks
    route: str = "-"
    token: str = "-"
    status: int = 0
    num_bytes: int = 0
    first_ms: float | None = None  # until the first byte of the body
    took_ms: float = 0.0
    receipt: Receipt | None = None


#: Of the request that this task, or one that it started, is about.
under_way: ContextVar[Record | None] = ContextVar("under_way", default=None)


def method_of(said: str) -> str:
    """Others could say anything for one."""
    return said if said in METHODS else "OTHER"


def parent_of(traceparent: str) -> tuple[str, str] | None:
    """As the W3C writes it; None for what it is not."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return found[1], found[2]


def access_line(record: Record) -> str:
    at = datetime.fromtimestamp(record.began_at, UTC).isoformat(timespec="milliseconds")
    parts = {
        "at": at.replace("+00:00", "Z"),
        "event": "access",
        "method": record.method,
        "route": record.route,
        "status": record.status,
        "token": record.token,
        "ms": f"{record.took_ms:.1f}",
        "bytes": record.num_bytes,
    }
    if record.first_ms is not None:
        parts["first_ms"] = f"{record.first_ms:.1f}"
    return " ".join(f"{name}={value}" for name, value in parts.items())


def trace(record: Record, trace_id: str, span_id: str) -> dict[str, Any]:
    """One span as OpenTelemetry's file exporter writes it: TracesData in OTLP's JSON."""
    trace_id, parent_id = record.parent or (trace_id, "")
    begin = int(record.began_at * 1e9)
    span: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": f"{record.method} {record.route}",
        "kind": _SERVER,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + int(record.took_ms * 1e6)),
        "attributes": [_attribute(name, value) for name, value in _attributes(record).items()],
        "status": {"code": _ERROR} if record.status >= 500 else {},
    }
    if parent_id:
        span["parentSpanId"] = parent_id
    resource = [_attribute("service.name", "hob-gateway"), _attribute("service.version", VERSION)]
    scope = {"scope": {"name": "hob_gateway"}, "spans": [span]}
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}


def _attributes(record: Record) -> dict[str, str | int | float]:
    """By OpenTelemetry's conventions where it has some."""
    told: dict[str, str | int | float] = {
        "http.request.method": record.method,
        "http.route": record.route,
        "http.response.status_code": record.status,
        "http.response.body.size": record.num_bytes,
        "hob.token": record.token,
    }
    if record.first_ms is not None:
        told["hob.first_byte_ms"] = record.first_ms
    receipt = record.receipt
    if receipt is not None:
        told |= {
            "gen_ai.response.model": receipt.model,
            "gen_ai.usage.input_tokens": receipt.num_prompt_tokens,
            "gen_ai.usage.output_tokens": receipt.num_completion_tokens,
            "hob.cached_tokens": receipt.num_cached_tokens,
            "hob.queue_ms": receipt.queue_ms,
            "hob.load_ms": receipt.load_ms,
            "hob.prefill_ms": receipt.prefill_ms,
            "hob.decode_ms": receipt.decode_ms,
        }
    return told


def _attribute(name: str, value: str | int | float) -> dict[str, Any]:
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"doubleValue" if isinstance(value, float) else "stringValue": value}}
