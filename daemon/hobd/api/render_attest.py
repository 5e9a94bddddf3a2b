"""Evidence, wires and places of data, as protobuf.

Must only convert: no decision, no waiting. Called by api/control.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from hob.v1 import daemon_pb2 as pb

from hobd.api.render_ledger import timestamp
from hobd.broker.attesting import Evidence, remedy
from hobd.broker.privacy import DataPlace
from hobd.broker.wires import Wire


def attestation(evidence: Sequence[Evidence]) -> pb.AttestResponse:
    return pb.AttestResponse(
        evidence=map(_evidence, evidence),
        all_held=all(each.held for each in evidence),
        at=timestamp(time.time()),
    )


def _evidence(each: Evidence) -> pb.Evidence:
    return pb.Evidence(
        property=each.property,
        subject=each.subject,
        held=each.held,
        observed=each.observed,
        source=each.source,
        pid=each.pid,
        remedy=remedy(each),
    )


def wires(found: Sequence[Wire], offline: bool, decided_by: str) -> pb.GetWiresResponse:
    told = (
        pb.Wire(name=wire.name, state=wire.state, reaches=wire.reaches, evidence=wire.evidence)
        for wire in found
    )
    return pb.GetWiresResponse(wires=told, offline=offline, offline_decided_by=decided_by)


def privacy(places: Sequence[DataPlace]) -> pb.GetPrivacyResponse:
    return pb.GetPrivacyResponse(places=map(_place, places))


def _place(each: DataPlace) -> pb.DataPlace:
    return pb.DataPlace(
        data=each.data,
        place=each.place,
        lasts=each.lasts,
        is_on_disk=each.is_on_disk,
        has_text=each.has_text,
        setting=each.setting,
    )
