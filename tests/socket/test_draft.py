"""A draft model through the whole daemon: whatever is wrong with it, its model answers, and `ps` says why."""

from __future__ import annotations

import pytest
from hob_client.models import Resident

from tests.daemon import RunningDaemon
from tests.fakes.engine import expected_answer


def add_drafted(daemon: RunningDaemon, draft: str, script: str = "ok\n", *, sidecar: str = "") -> None:
    """A model whose sidecar names a draft, and a model `small`."""
    daemon.add_model("big")
    (daemon.models / "big.toml").write_text(f'draft = "{draft}"\n')
    daemon.add_model("small", script)
    if sidecar:
        (daemon.models / "small.toml").write_text(sidecar)


def answer(daemon: RunningDaemon, *arguments: str) -> Resident:
    """The resident after it has answered as it should."""
    with daemon.start(*arguments).client() as client:
        told = client.complete("big", "hello", temperature=0, max_tokens=12)
        assert told.text == expected_answer(b"hello", 12) and not told.receipt.degraded
        return client.status().residents[0]


def test_draft_is_loaded_beside_its_model(daemon: RunningDaemon) -> None:
    add_drafted(daemon, "small")
    resident = answer(daemon)
    assert (resident.model, resident.draft, resident.draft_problem) == ("big", "small", "")
    assert "level=info event=draft model=big draft=small" in daemon.log


@pytest.mark.parametrize(
    ("draft", "script", "sidecar", "problem"),
    [
        ("smal", "ok\n", "", "did you mean small"),
        ("big", "ok\n", "", "the model itself"),
        ("small", "unusable\n", "", "not a GGUF file"),
        ("small", "memory\n", "", "no memory"),
        ("small", "segv-while-loading\n", "", "killed by SIGSEGV"),
        ("small", "segv-in-probe\n", "", "killed by SIGSEGV"),
        ("small", "ok\n", f'sha256 = "{"ab" * 32}"\n', "digest mismatch"),
    ],
    ids=["missing", "itself", "no model", "too big", "kills its reader", "kills in its probe", "changed"],
)
def test_model_answers_without_a_draft_that_is_of_no_use(
    daemon: RunningDaemon, draft: str, script: str, sidecar: str, problem: str
) -> None:
    add_drafted(daemon, draft, script, sidecar=sidecar)
    resident = answer(daemon)
    assert resident.draft == draft and problem in resident.draft_problem
    assert "level=warning event=draft" in daemon.log and not resident.degraded


def test_nothing_is_loaded_beside_a_model_that_shall_not_speculate(daemon: RunningDaemon) -> None:
    add_drafted(daemon, "small", "segv-while-loading\n")
    resident = answer(daemon, "--set", "engine.speculation=off")
    assert (resident.draft, resident.draft_problem) == ("", "")
