"""What a named door may know of status and events: its own models, its own requests, and of others nothing.

Must take away and never add; the owner's door is told everything. Called by api/control.py.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hob.v1 import daemon_pb2 as pb

from hobd.api import render_status
from hobd.api.gate import Gate
from hobd.broker.feed import News
from hobd.broker.session import Session
from hobd.door.caller import Caller
from hobd.door.policy import Grants

#: News of requests are their caller's alone; of all other kinds who may know the model.
_OF_REQUESTS = "request_"


def of_status(
    status: pb.GetStatusResponse, grants: Grants, gate: Gate, own: Collection[Session]
) -> pb.GetStatusResponse:
    """As this caller may see it; what is not named here is not shown. `own`: his requests under way."""
    if grants.is_owner:
        return status
    shown = pb.GetStatusResponse(
        version=status.version,
        pid=status.pid,
        started_at=status.started_at,
        confinement=status.confinement,
        draining=status.draining,
        engine_build=status.engine_build,
        doors=[door for door in status.doors if door.name == grants.door],
        residents=[each for each in status.residents if gate.shows(grants, each.model)],
        waiting=[each for each in status.waiting if gate.shows(grants, each.model)],
        pool=[each for each in status.pool if gate.shows(grants, each.model)],
        loading_models=[model for model in status.loading_models if gate.shows(grants, model)],
        num_sessions=len(own),
        classes=render_status.classes(own),
    )
    for resident in shown.residents:
        if not gate.shows(grants, resident.leaves_for):
            resident.leaves_for = ""
    return shown


def of_news(news: News, caller: Caller, grants: Grants, gate: Gate) -> News | None:
    """As this caller may hear it; None if it is not for him."""
    if grants.is_owner:
        return news
    is_own = news.caller == caller.key
    if news.kind.startswith(_OF_REQUESTS) and not is_own:
        return None
    if not gate.shows(grants, news.model):
        return None
    beneficiary = news.beneficiary if gate.shows(grants, news.beneficiary) else ""
    return replace(news, beneficiary=beneficiary, message=news.message if is_own else "")
