"""What the page shows of the house: memory, what could touch a network, and whether the walls stand.

Must tell no more than the door grants and the token may, and say what is withheld and why. Called by app.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

from hob_client.errors import NotPermitted
from hob_client.models import Resident
from hob_client.states import Status
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import walls
from hob_gateway.faults import openai_shape
from hob_gateway.house import House, need_manage, route
from hob_gateway.telling import Whole


def routes(house: House) -> list[Route]:
    told = {"/hob/status": status, "/hob/wires": wires, "/hob/attest": attest}
    return [route(house, path, handler, openai_shape, "GET") for path, handler in told.items()]


async def status(house: House, request: Request) -> Response:
    """Who is in memory, and how much there is: numbers and names of models."""
    try:
        told = _full(await house.client.status())
    except NotPermitted as error:
        words = f"What models take is withheld: {error.message}, or serve through another with --door."
        told = await _names_only(house) | {"withheld": words}
    told["confinement"]["gateway"] = house.confinement
    return Whole(told)


def _full(told: Status) -> dict[str, Any]:
    return {
        "version": told.version,
        "confinement": {"daemon": told.confinement},
        "memory": [
            {"device": one.device, "budget_bytes": one.budget_bytes, "free_bytes": one.free_bytes}
            for one in told.memory
        ],
        "residents": [_resident(one) for one in told.residents],
        "loading": list(told.loading_models),
        "withheld": "",
    }


def _resident(one: Resident) -> dict[str, Any]:
    return {
        "model": one.model,
        "residency": one.residency,
        "resident_bytes": one.resident_bytes,
        "num_running": one.num_running,
        "num_queued": one.num_queued,
        "used_cells": one.used_cells,
        "total_cells": one.total_cells,
        "pinned": one.pinned,
        "sandbox": one.sandbox,
    }


async def _names_only(house: House) -> dict[str, Any]:
    """Which models are there is told at every door."""
    models = await house.client.models()
    residents = [
        {"model": model.name, "residency": model.residency}
        for model in models
        if model.residency in ("ready", "unloading")
    ]
    loading = [model.name for model in models if model.residency == "loading"]
    return {"confinement": {}, "memory": [], "residents": residents, "loading": loading}


async def wires(house: House, request: Request) -> Response:
    """What could touch a network: the gateway's own, and the daemon's list where it is granted."""
    told, withheld = await _granted(request, house.client.wires)
    ours = {
        "name": "this gateway",
        "state": "on",
        "reaches": f"its door{f' {house.door!r}' if house.door else ''}, and nothing else",
        "evidence": f"it answers at {house.url}; {house.confinement}",
    }
    theirs = [asdict(wire) for wire in told.wires] if told else []
    offline = told.offline if told else None
    return Whole({"wires": [ours, *theirs], "offline": offline, "withheld": withheld})


async def attest(house: House, request: Request) -> Response:
    """The gateway walks into its walls now; so do the daemon and its workers, where that is granted."""
    ours = await asyncio.to_thread(walls.evidence)
    told, withheld = await _granted(request, house.client.attest)
    theirs = [asdict(each) for each in told.evidence] if told else []
    all_held = all(each["held"] for each in (*ours, *theirs))
    return Whole({"evidence": [*ours, *theirs], "all_held": all_held, "withheld": withheld})


async def _granted(request: Request, ask: Any) -> tuple[Any, str]:
    """What the daemon says, or why it is not told. It names processes, and costs workers time."""
    try:
        need_manage(request)
        asked: Awaitable[Any] = ask()
        return await asked, ""
    except NotPermitted as error:
        return None, f"What the daemon says is withheld: {error.message}."
