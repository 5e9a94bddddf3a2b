"""How a worker is asked to walk into its own walls, and what it tells of that.

Must stay data, with bounds: a worker may say what it likes, and the broker shows it as the worker's word.
Used by messages.py and, for the children, by worker/renderer.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hobd.wire.values import Count, Id, Message, Value

MAX_FINDINGS = 128
#: Whose walls they are: the worker's own, or those of a child that reads what is hostile for it.
Process = Literal["worker", "renderer", "darkroom"]


class Attest(Message, frozen=True, tag=True):
    """Try what you must not be able to do, let your children try, and tell."""

    id: Id
    begin_by_ms: Count  # on the clock that all processes share; later it would be taken for an attack


class Finding(Value, frozen=True):
    process: Process
    property: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
    held: bool
    observed: Annotated[str, msgspec.Meta(pattern="^[ -~]*$", max_length=300)]


class Attested(Message, frozen=True, tag=True):
    id: Id
    findings: Annotated[tuple[Finding, ...], msgspec.Meta(max_length=MAX_FINDINGS)]


class SelfTest(Value, frozen=True, tag="self-test"):
    """The same question to a worker's child."""


class Tested(Value, frozen=True, tag="tested"):
    findings: Annotated[tuple[Finding, ...], msgspec.Meta(max_length=MAX_FINDINGS // 3)]
