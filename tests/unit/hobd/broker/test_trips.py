"""What is counted and told of trips is bounded; what is let is next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hobd.broker.trips import MOST_COUNTED, Tally, Trips, is_worth_a_line
from hobd.broker.tripwire import Verdict, judge
from hobd.sandbox.syscalls import _NUMBERS
from hobd.sandbox.tripwire import Attempt
from hobd.store.quarantine import Quarantine
from hypothesis import given
from hypothesis import strategies as st

CALLS = st.sampled_from(sorted(_NUMBERS))
WORDS = st.integers(0, (1 << 64) - 1) | st.integers(0, 100)
ATTEMPTS = st.builds(Attempt, st.just(1), st.integers(1, 9), CALLS, st.tuples(*[WORDS] * 6))


@given(attempt=ATTEMPTS, zygote=st.none() | st.integers(1, 9), projects=st.booleans())
def test_only_a_zygote_ends_one_child_and_only_a_worker_that_projects_gets_a_file(
    attempt: Attempt, zygote: int | None, projects: bool
) -> None:
    verdict = judge(attempt, zygote_pid=zygote, is_projecting=projects)
    if verdict is Verdict.LET:
        assert attempt.call == "kill" and attempt.pid == zygote and attempt.arguments[1] == 9
        assert 0 < attempt.arguments[0] < 1 << 22
    if verdict is Verdict.GIVE:
        assert attempt.call in ("open", "openat") and projects and zygote is None


@given(st.lists(st.text(max_size=4) | CALLS, max_size=400))
def test_tally_loses_no_attempt_and_holds_few_names(calls: list[str]) -> None:
    tally = Tally()
    for call in calls:
        tally.add(call)
    assert tally.total == len(calls) and len(tally.counts) <= 129


def test_counts_saturate() -> None:
    tally = Tally()
    tally._counts["socket"] = MOST_COUNTED
    assert tally.add("socket") == ("socket", MOST_COUNTED) and tally.total == MOST_COUNTED


def test_lines_become_rare() -> None:
    assert sum(map(is_worth_a_line, range(1, MOST_COUNTED + 1))) == 6
    assert not is_worth_a_line(MOST_COUNTED)


def test_flood_of_models_is_forgotten_from_its_beginning() -> None:
    trips = Trips()
    for number in range(1200):
        trips.on_trip(f"m{number}", "", "socket")
    assert len(trips.each()) == 1000 and trips.num_total == 1200
    assert trips.each()[0].model == "m200"


@pytest.mark.parametrize(
    ("policy", "consequence"), [("record", ""), ("stop", "was stopped"), ("quarantine", "in quarantine")]
)
def test_policy_says_what_follows(policy: str, consequence: str, tmp_path: Path) -> None:
    trips = Trips(policy, Quarantine(tmp_path / "q.json"))  # type: ignore[arg-type]
    assert consequence in trips.on_trip("model", "ab" * 32, "socket")


def test_model_of_unknown_digest_is_stopped_though_it_cannot_be_kept_out(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q.json")
    assert "not known" in Trips("quarantine", quarantine).on_trip("model", "", "socket")
    assert not quarantine.why("")
