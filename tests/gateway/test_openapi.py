"""The gateway's description of itself: it has every route, and what it allows is answered as it says."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hob_gateway import app, openapi, page
from hob_gateway.house import House
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
#: Everything that the schema allows, and what it does not.
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


def served() -> set[tuple[str, str]]:
    """Every route of the program but the page's fixed files."""
    house = House(socket="/none")
    routes = [route for dialect in app.DIALECTS for route in dialect.routes(house) if dialect is not page]
    return {
        (route.path.replace(":path", ""), method.lower())
        for route in routes
        for method in (route.methods or set()) - {"HEAD"}
    }


def test_description_has_every_route_and_no_other() -> None:
    described = {(path, method) for path, one in openapi.document()["paths"].items() for method in one}
    assert described == served()


def test_description_is_told_to_everybody(gateway: RunningGateway) -> None:
    with gateway.http(authorization="") as http:
        assert http.get(openapi.PATH).json() == openapi.document()


@pytest.mark.parametrize("path", sorted(openapi.OPERATIONS))
def test_what_it_allows_is_answered_as_it_says(gateway: RunningGateway, door: FakeDaemon, path: str) -> None:
    schema = schemathesis.openapi.from_dict(openapi.document())
    operation: Any = schema[path][openapi.OPERATIONS[path].method]
    modes = MODES if openapi.OPERATIONS[path].asked else MODES[:1]
    for mode in modes:

        @settings(max_examples=4, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            headers = {"authorization": f"Bearer {gateway.token}"}
            case.call_and_validate(base_url=gateway.url, headers=headers, checks=CHECKS)

        ask()


def test_what_is_not_open_wants_a_token(gateway: RunningGateway, door: FakeDaemon) -> None:
    with gateway.http(authorization="") as http:
        for path, one in openapi.OPERATIONS.items():
            told = http.request(one.method, path.replace("{name}", "x"))
            assert told.status_code == 200 if one.is_open else told.status_code in (401, 429), path
    assert not door.requests
