"""What admission thinks of a model's files, as protobuf.

Must only convert. Called by api/models.py.
"""

from __future__ import annotations

from hob.v1 import models_pb2 as pb

from hobd.api.render_ledger import timestamp
from hobd.broker.examining import Examined


def admission(examined: Examined) -> pb.Admission:
    known, pin = examined.provenance, examined.pin
    told = pb.Admission(
        file=examined.entry.path.name,
        role=examined.role,
        sha256=known.sha256 or "",
        verified_at=timestamp(known.verified_at),
        pinned_at=timestamp(pin.since if pin is not None else None),
        expected_sha256=examined.entry.sha256 or (pin.sha256 if pin is not None else ""),
        expected_by="sidecar" if examined.entry.sha256 else "first use" if pin is not None else "",
        filesystem=known.filesystem,
        hashed_at_every_load=examined.is_hashed_at_every_load,
        signature=examined.signature,
        signature_text=examined.signature_text,
        findings=[
            pb.Finding(severity=finding.severity, code=finding.code, text=finding.text, is_refusal=is_refusal)
            for finding, is_refusal in examined.findings
        ],
        quarantined=examined.quarantined,
        refusal=examined.refusal,
    )
    return told
