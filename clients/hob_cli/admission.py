"""What admission knows of a model's files, as lines.

Must never decide what is good. Used by commands/models.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hob_cli.render import age

if TYPE_CHECKING:
    from hob_client.models import Admission, Model, ModelDetails


def state(model: Model) -> str:
    """Where it is, and what keeps it there."""
    if model.quarantined:
        return "quarantined"
    return model.residency + (" (pinned)" if model.pinned else "")


def facts(details: ModelDetails) -> Iterator[tuple[str, str]]:
    """For `hob models show`: of the model's own file, and what refuses one beside it."""
    if not details.admission:
        yield "digest", details.model.sha256 or "never recorded"
        return
    own, *beside = details.admission
    yield "digest", own.sha256 or own.expected_sha256 or "not known yet; `hob models verify` computes it"
    yield "verified", verified(own)
    if own.signature:
        yield "signature", own.signature_text
    for name in details.same_digest:
        yield "same file as", name
    if own.quarantined:
        yield "quarantined", own.quarantined
    for file in (own, *beside):
        yield from ((f"{finding.severity} in {file.file}", finding.text) for finding in file.findings)


def verified(file: Admission) -> str:
    """When and how, and against what."""
    when = f"{age(file.verified_at)} ago" if file.verified_at is not None else "not since it was changed"
    if file.hashed_at_every_load:
        where = f" (on {file.filesystem or 'an unknown file system'})"
        when = f"at every load{where}"
    return f"{when}; {expected(file)}"


def expected(file: Admission) -> str:
    if not file.expected_by:
        return "its first use will be remembered"
    if file.expected_by == "sidecar":
        return "its sidecar says what it must be"
    return f"must be what it was at its first use, {age(file.pinned_at)} ago"


def check_rows(details: ModelDetails) -> Iterator[tuple[str, ...]]:
    """For `hob models check`: a row for each finding, and one for each file without."""
    for file in details.admission:
        found = [(finding.severity, finding.text) for finding in file.findings]
        if file.signature in ("unsigned", "wrong"):
            found.append(("signature", file.signature_text))
        if file.quarantined:
            found.append(("quarantined", file.quarantined))
        if file.refusal and file.refusal not in [text for _, text in found]:
            found.append(("refused", file.refusal))
        for severity, text in found or [("ok", "nothing speaks against it")]:
            yield file.file, file.role, severity, text
