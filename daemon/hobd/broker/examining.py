"""Says of a model's files what admission would say of them, without loading or hashing any.

Must decide nothing that admission.py does not decide, and never raise for a file that is bad: that is what
it tells. Blocks, so that it belongs on a thread. Called by api/models.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hobd.broker.admission import Admission, is_refusal, signature_of, signature_policy
from hobd.broker.draft import find_draft
from hobd.config import Config
from hobd.errors import ModelUnusable
from hobd.store.catalog import Catalog, Entry
from hobd.store.digest import Provenance, open_model, provenance
from hobd.store.finding import Finding
from hobd.store.pins import Pin
from hobd.store.vetting import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One file. `findings` come with whether they refuse it; `refusal` is the first reason to."""

    entry: Entry
    role: Role
    provenance: Provenance
    pin: Pin | None
    is_hashed_at_every_load: bool
    signature: str
    signature_text: str
    findings: tuple[tuple[Finding, bool], ...]
    quarantined: str
    refusal: str


def files_of(model: Entry, catalog: Catalog) -> Iterator[tuple[Entry, Role]]:
    """All that is loaded with a model, itself first."""
    yield model, "model"
    if (draft := find_draft(catalog, model).entry) is not None:
        yield draft, "draft"
    if model.projector is not None:
        yield model.projector, "projector"
    for adapter in model.adapters:
        yield adapter, "adapter"


def examine(admission: Admission, model: Entry, catalog: Catalog, config: Config) -> list[Examined]:
    return [_examine(admission, entry, role, config) for entry, role in files_of(model, catalog)]


def quarantined(admission: Admission, entry: Entry) -> str:
    """Why a file is not loaded any more, as far as its digest is known; empty if nothing keeps it."""
    try:
        sha256 = provenance(entry, admission.digests).sha256
    except ModelUnusable:
        return ""
    return admission.quarantine.why(sha256) or "" if sha256 else ""


def release(admission: Admission, model: Entry, catalog: Catalog) -> list[str]:
    """Lets a model out and what lies beside it, by digest or by name. Returns why they were kept."""
    reasons = []
    for entry, _ in files_of(model, catalog):
        known = _provenance(entry, admission)[0].sha256
        held = [digest for digest, each in admission.quarantine.all().items() if each.model == entry.name]
        for digest in {known, *held} if known is not None else set(held):
            if reason := admission.quarantine.release(digest):
                reasons.append(f"{entry.name}: {reason}")
    return reasons


def same_digest(admission: Admission, model: Entry, entries: Iterable[Entry]) -> list[str]:
    """Other files that are the same one, by digests that are known; none where the model's own is not."""
    own = _provenance(model, admission)[0].sha256
    others = [other for entry in entries for other in (entry, *entry.adapters) if other.path != model.path]
    if own is None:
        return []
    return [other.name for other in others if _provenance(other, admission)[0].sha256 == own]


def _examine(admission: Admission, entry: Entry, role: Role, config: Config) -> Examined:
    known, refusal = _provenance(entry, admission)
    pin = None if entry.sha256 else admission.pins.of(entry.path)
    found = _findings(admission, entry, role, config)
    why = admission.quarantine.why(known.sha256) or "" if known.sha256 else ""
    state, text = "", ""
    if (policy := signature_policy(entry, config)) != "off":
        state, text = signature_of(entry, known.sha256, config)
    refusals = [refusal, f"it is in quarantine: {why}" if why else ""]
    refusals += [finding.text for finding, refuses in found if refuses]
    if known.sha256 is not None and (entry.sha256 or (pin and pin.sha256)) not in (None, known.sha256):
        refusals.append("it has another digest than it should have")
    if policy == "enforce" and state in ("unsigned", "wrong"):
        refusals.append(text)
    return Examined(
        entry=entry,
        role=role,
        provenance=known,
        pin=pin,
        is_hashed_at_every_load=config.models.verify == "always"
        or (config.models.verify == "cached" and not known.is_remembered),
        signature=state,
        signature_text=text,
        findings=tuple(found),
        quarantined=why,
        refusal=next(filter(None, refusals), ""),
    )


def _provenance(entry: Entry, admission: Admission) -> tuple[Provenance, str]:
    """With why the file cannot be opened, if it cannot."""
    try:
        return provenance(entry, admission.digests), entry.problem or ""
    except ModelUnusable as error:
        unknown = Provenance(sha256=None, verified_at=None, filesystem="", is_remembered=True)
        return unknown, entry.problem or error.message


def _findings(admission: Admission, entry: Entry, role: Role, config: Config) -> list[tuple[Finding, bool]]:
    """With whether each refuses the file. A header that cannot be read is one."""
    try:
        fd = open_model(entry)
    except ModelUnusable:
        return []  # told already
    try:
        found = admission.findings(entry, fd, role)
    except ModelUnusable as error:
        text = error.message.removeprefix(f"{entry.name} cannot be used: ")
        finding = Finding(severity="serious", code="header", text=text)
        found = [finding]
    finally:
        os.close(fd)
    return [(finding, is_refusal(finding, config)) for finding in found]
