"""One request and its caller's behaviour, in memory and in a file that replays it.

Must keep every byte: what a file says is what is sent again. Used by all of this folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message
from hob.v1 import inference_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`body` is what goes over the socket; it need not be a message."""

    rpc: str
    body: bytes = field(repr=False)
    origin: str  # seed:number
    deadline_ms: int | None = None
    cancel_after_ms: int | None = None

    @property
    def request(self) -> Message | None:
        """The body as its rpc's request; None when it is none."""
        try:
            return getattr(pb, f"{self.rpc}Request").FromString(self.body)
        except DecodeError:
            return None

    def replies(self, bodies: list[bytes]) -> list[Message]:
        """What came back, as its rpc's responses."""
        response = getattr(pb, f"{self.rpc}Response")
        return [response.FromString(body) for body in bodies]


def write(case: Case, path: Path, faults: list[str]) -> Path:
    """Text proto for people, after comments that hold what it cannot say."""
    head = {
        "rpc": case.rpc,
        "origin": case.origin,
        "deadline_ms": case.deadline_ms,
        "cancel_after_ms": case.cancel_after_ms,
    }
    lines = [f"# {key}: {value}" for key, value in head.items() if value is not None]
    lines += [f"# fault: {fault.splitlines()[0]}" for fault in faults if fault]
    message = case.request
    # A damaged body may decode, and still be written otherwise than it came.
    if message is None or message.SerializeToString() != case.body:
        lines.append(f"# body: {case.body.hex()}")
    lines.append("" if message is None else text_format.MessageToString(message))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path


def read(path: Path) -> Case:
    """A case that `write` wrote."""
    text = path.read_text()
    head = dict(
        line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# ") and ": " in line
    )
    if "body" in head:
        body = bytes.fromhex(head["body"])
    else:
        body = text_format.Parse(text, getattr(pb, f"{head['rpc']}Request")()).SerializeToString()
    return Case(
        rpc=head["rpc"],
        body=body,
        origin=head["origin"],
        deadline_ms=_number(head.get("deadline_ms")),
        cancel_after_ms=_number(head.get("cancel_after_ms")),
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
