"""The report of `make prove`: each proof, each claim, and what was seen.

Must add nothing to what tests noted. A plugin of pytest, named in tests/conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proof.evidence import Evidence

_NOTES = pytest.StashKey[Evidence]()
_REPORT = pytest.StashKey[dict[str, list[str]]]()
_MARKS = {"passed": "holds", "failed": "DOES NOT HOLD", "skipped": "not tried"}


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    request.node.stash[_NOTES] = evidence = Evidence()
    return evidence


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None]:  # what the wrapped hook returns is passed on
    report: pytest.TestReport = yield  # type: ignore[misc,assignment]
    if report.when == "call" or report.outcome != "passed":
        proof = (item.getparent(pytest.Module).obj.__doc__ or "").strip()  # type: ignore[union-attr]
        lines = item.config.stash.setdefault(_REPORT, {}).setdefault(proof, [])
        claim = item.name.removeprefix("test_").replace("_", " ")
        lines.append(f"{_MARKS[report.outcome]:>13}  {claim}")
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            lines.append(f"{'':15}{report.longrepr[2]}")
        noted = item.stash.get(_NOTES, None)
        lines += [f"{'':15}{what}: {found}" for what, found in (noted.notes if noted else [])]
    return report  # type: ignore[return-value]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "proof" in str(config.getoption("markexpr")):
        for proof, lines in sorted(config.stash.get(_REPORT, {}).items()):
            terminalreporter.section(proof.split(":")[0], sep="-")
            for line in [proof, "", *lines]:
                terminalreporter.write_line(line)
