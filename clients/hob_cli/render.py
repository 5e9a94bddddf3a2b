"""Turns values into lines: tables, sizes, ages, JSON, errors.

Must never print text of a prompt, nor a traceback. Used by commands/ and main.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hob_client.errors import HobError

from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.models import Resident
    from hob_client.values import Receipt


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, two spaces apart; nothing is ever cut."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(visible("  ".join(cells).rstrip()))


def print_json(record: Any) -> None:
    """One line of JSON on stdout, at once."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def record(value: Any) -> dict[str, Any]:
    """A value of hob_client as a JSON object."""
    return asdict(value)


def print_error(error: HobError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": _error_record(error)}, ensure_ascii=False), file=sys.stderr)
    else:
        print(visible(f"hob: {error.message}{_suggest(error)}"), file=sys.stderr)


def print_note(text: str) -> None:
    """Something on stderr that is neither data nor an error."""
    print(visible(f"hob: {text}"), file=sys.stderr)


def size(num_bytes: int) -> str:
    """98362432 as "93.8 MiB"."""
    amount = float(num_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def age(since: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that tells something; "-" for never."""
    if since is None:
        return "-"
    seconds = max(0, int(((now or datetime.now(UTC)) - since).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def ahead(until: datetime, now: datetime | None = None) -> str:
    """How long from now, like `age`."""
    now = now or datetime.now(UTC)
    return f"in {age(now, max(now, until))}"


def describe_draft(resident: Resident) -> str:
    """Which model guesses for it, or why that one does not; empty if its sidecar names none."""
    if resident.draft_problem:
        return f"without its draft {resident.draft}: {resident.draft_problem}"
    return f"draft {resident.draft}" if resident.draft else ""


def describe_projector(resident: Resident) -> str:
    """Why it does not see or hear though there is something to do it with; empty if all is well."""
    if resident.projector_problem:
        return f"without its projector {resident.projector}: {resident.projector_problem}"
    return ""


def describe_receipt(receipt: Receipt) -> str:
    """One line of what an answer took."""
    parts = [
        f"{receipt.num_prompt_tokens} prompt tokens ({receipt.num_cached_tokens} cached) "
        f"in {receipt.prefill_ms} ms",
        f"{receipt.num_completion_tokens} tokens in {receipt.decode_ms} ms{_rate(receipt)}",
        f"waited {receipt.queue_ms} ms (loading {receipt.load_ms} ms)",
        f"seed {receipt.seed}",
        f"model {receipt.model}",
        f"request {receipt.request_id}",
    ]
    if receipt.num_media_tokens:
        parts.insert(1, f"{receipt.num_media_tokens} of them for images and sounds")
    if receipt.truncated:
        parts.append(f"{receipt.num_dropped_tokens} prompt tokens dropped")
    parts += [f"adapter {lora.name} x {lora.scale:g}" for lora in receipt.loras]
    parts += [word for word in ("resumed", "degraded") if getattr(receipt, word)]
    return "; ".join(parts)


def _rate(receipt: Receipt) -> str:
    if not receipt.decode_ms:
        return ""
    return f" ({receipt.num_completion_tokens * 1000 / receipt.decode_ms:.1f} tok/s)"


def _suggest(error: HobError) -> str:
    """Names that exist, unless the sentence has them already."""
    new = [name for name in error.suggestions if name not in error.message]
    return f"; did you mean {' or '.join(new)}?" if new else ""


def _error_record(error: HobError) -> dict[str, Any]:
    """What is known of it; fields that say nothing are left out."""
    known = {
        "code": error.code,
        "message": error.message,
        "model": error.model or None,
        "request_id": error.request_id or None,
        "suggestions": list(error.suggestions) or None,
        "needed_tokens": error.needed_tokens,
        "available_tokens": error.available_tokens,
        "retry_after_ms": error.retry_after_ms,
        "door": error.door or None,
        "rule": error.rule or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
