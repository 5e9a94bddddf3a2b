"""The packaged extension in a real extension host: the scenarios of clients/vscode/test/suite."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page

from tests.daemon import await_true
from tests.vscode.host import ROOT, SUITE, Host

pytestmark = [pytest.mark.editor, pytest.mark.timeout(600)]
_WRITTEN = (ROOT / "clients/vscode/test/suite/scenarios.ts").read_text()
SCENARIOS = re.findall(r'^  \["([^"]+)", async', _WRITTEN, re.MULTILINE)


@pytest.fixture(scope="module")
def outcomes(host: Host) -> dict[str, str]:
    """Of all scenarios, run one after another in one window."""
    ended: list[int] = []

    def prepare(page: Page) -> None:
        page.expose_function("codeAutomationLog", lambda *_: None)
        page.expose_function("codeAutomationExit", lambda code, *_: ended.append(code))

    tests = [
        ("extensionDevelopmentPath", host.remote(host.extension)),
        ("extensionTestsPath", host.remote(SUITE)),
    ]
    with host.page(*tests, prepare=prepare) as page:

        def is_over() -> bool:
            page.wait_for_timeout(200)  # lets the page's own calls come in
            return bool(ended)

        await_true(is_over, "the scenarios end", seconds=500)
    told: dict[str, str] = json.loads(host.outcomes.read_text())
    return told


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_extension(scenario: str, outcomes: dict[str, str]) -> None:
    assert outcomes[scenario] == ""
