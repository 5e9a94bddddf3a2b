"""The scheduler's promises under any schedule of requests, cancellations, shared prefixes and answers."""

from __future__ import annotations

from dataclasses import dataclass

from hobd.worker.lanes import Change, Copy, Discard, Fetch, Forget, Stow, Trim
from hobd.worker.lookup import Lookup
from hobd.worker.plan import Plan, Work
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import Sequence
from hobd.worker.variants import BASE, Variant, domain_of
from hobd.worker.views import View, is_stand_in, place_in_view, stand_ins
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

END = 0
LANES, CACHE_LANES, CELLS, CONTEXT, BATCH, CHUNK, PATIENCE = 3, 2, 40, 24, 8, 4, 30
STASH = 50  # bytes; a stowed cell takes one
# Prompts have one of few beginnings, so that many begin alike.
BEGINNINGS = [[5] * 9, [5, 5, 5, 6, 6, 6, 6, 6], [6, 7] * 6]
# A picture that cannot be cut, and a sound that is longer than a step.
VIEWS = [View(stand_ins(b"picture", 4), 2, is_whole=True), View(stand_ins(b"sound", BATCH + 1), BATCH + 1)]
BY_TOKEN = {view.tokens.start: view for view in VIEWS}
prompts = st.builds(
    lambda beginning, length, seen, rest: _within_context([*beginning[:length], *seen, *rest]) or [9],
    st.sampled_from(BEGINNINGS),
    st.integers(0, 12),
    st.sampled_from([[], [], *(list(view.tokens) for view in VIEWS)]),
    st.lists(st.integers(5, 7), max_size=10),
)


def _within_context(tokens: list[int]) -> list[int]:
    """The first of them, but no part of a view."""
    kept = tokens[: CONTEXT - 1]
    if len(kept) < len(tokens) and is_stand_in(tokens[len(kept)]):
        kept = kept[: len(kept) - place_in_view(tokens[len(kept)])]
    return kept


@dataclass(frozen=True, eq=False)
class Cell:
    token: int
    domain: str  # of the sequence it was computed for


class Engine:
    """What the plans would make of a KV cache. A cell is an object, which lanes may share."""

    def __init__(self, shares_parts: bool) -> None:
        self.shares_parts = shares_parts
        self.lanes: dict[int, list[Cell]] = {}
        self.stash: dict[int, list[Cell]] = {}
        self.disowned: set[int] = set()  # sequences whose domain was forgotten while they were under way

    @property
    def cells(self) -> int:
        return len({id(cell) for lane in self.lanes.values() for cell in lane})

    def change_lane(self, change: Change) -> None:
        match change:
            case Forget():
                self.lanes.pop(change.lane, None)
            case Trim():
                assert 0 < change.length < len(self.lanes[change.lane]), "there is nothing to take back"
                del self.lanes[change.lane][change.length :]
            case Copy():
                assert not self.lanes.get(change.target), "lane is in use"
                assert 0 < change.count <= len(self.lanes[change.source]), "it is not computed"
                self.lanes[change.target] = self.lanes[change.source][: change.count]
            case Stow():
                assert self.lanes[change.lane] and change.key not in self.stash
                self.stash[change.key] = list(self.lanes[change.lane])
            case Fetch():
                stowed = self.stash[change.key]
                assert self.shares_parts or change.count == len(stowed), "there is no state in between"
                assert not self.lanes.get(change.lane) and 0 < change.count <= len(stowed)
                assert self.cells + len(stowed) <= CELLS, "there is no room for all of it"
                self.lanes[change.lane] = [Cell(cell.token, cell.domain) for cell in stowed[: change.count]]
            case Discard():
                del self.stash[change.key]

    def compute(self, work: Work) -> None:
        sequence = work.sequence
        assert sequence.lane is not None and work.count > 0
        lane = self.lanes.setdefault(sequence.lane, [])
        assert [cell.token for cell in lane] == sequence.tokens[: work.start], "another one's tokens"
        is_own = all(cell.domain == sequence.domain for cell in lane)
        assert is_own or sequence.id in self.disowned, "another domain's tokens"
        assert len(work.tokens) == work.count
        if work.view is not None:
            view, place = work.view
            assert work.tokens == list(view.tokens[place : place + work.count]), "a view and nothing else"
            assert not view.is_whole or work.count == len(view), "a view that cannot be cut"
        else:
            assert not any(map(is_stand_in, work.tokens)), "words and nothing else"
        lane += [Cell(token, sequence.domain) for token in work.tokens]


class Sure(Lookup):
    """Always has a guess and is always believed, right or wrong."""

    def propose(self, limit: int) -> list[int]:
        self.trust = 1.0
        return [5, 6, 7, 0, 5, 6, 7][: max(0, limit)]


class AnySchedule(RuleBasedStateMachine):
    """Random arrivals, cancellations, interrupted and committed steps."""

    shares_parts = True

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(
            num_lanes=LANES,
            num_cache_lanes=CACHE_LANES if self.shares_parts else 0,
            shares_parts=self.shares_parts,
            total_cells=CELLS,
            context_tokens=CONTEXT,
            batch_tokens=BATCH,
            chunk_tokens=CHUNK,
            stash_bytes=STASH,
            min_shared=2,
            patience_steps=PATIENCE,
            is_end=lambda token: token == END,
        )
        self.engine = Engine(self.shares_parts)
        self.alive: dict[int, Sequence] = {}
        self.next_id = 1

    @rule(
        prompt=prompts,
        domain=st.sampled_from(["", "a", "a", "b"]),
        priority=st.integers(0, 2),
        max_tokens=st.none() | st.integers(1, 9),
        variant=st.sampled_from([BASE, BASE, (("x", 1.0),), (("x", 0.5),)]),
    )
    def submit(
        self, prompt: list[int], domain: str, priority: int, max_tokens: int | None, variant: Variant
    ) -> None:
        sequence = Sequence(
            self.next_id,
            prompt,
            priority=priority,
            max_tokens=max_tokens,
            domain=domain_of(variant, domain),
            caller=domain,
            variant=variant,
            views=BY_TOKEN,
        )
        if self.shares_parts:
            sequence.lookup = Sure(sequence.tokens)
        self.alive[self.next_id] = sequence
        self.scheduler.submit(sequence)
        self.next_id += 1

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.alive)))
        assert self.scheduler.finish(id)
        assert not self.scheduler.finish(id)
        del self.alive[id]

    @rule(domain=st.sampled_from(["a", "b"]))
    def forget(self, domain: str) -> None:
        for sequence in self.alive.values():
            if sequence.domain.endswith(domain):
                self.engine.disowned.add(sequence.id)
                sequence.domain = ""
        self.scheduler.lanes.forget(lambda theirs: theirs.endswith(domain))
        assert not [p for p in self.scheduler.lanes.prefixes() if p.domain.endswith(domain)]

    @rule(is_open=st.booleans())
    def set_stash(self, is_open: bool) -> None:
        self.scheduler.lanes.set_stash(is_open)

    @rule(tokens=prompts, domain=st.sampled_from(["a", "b"]))
    def restore(self, tokens: list[int], domain: str) -> None:
        key = self.scheduler.lanes.restore(domain, tokens, len(tokens))
        if key is not None:
            self.engine.stash[key] = [Cell(token, domain) for token in tokens]

    @rule()
    def relieve(self) -> None:
        assert self.scheduler.relieve() or self.scheduler.tally().num_running < 2

    @rule(
        is_interrupted=st.booleans(),
        tokens=st.lists(st.integers(0, 7), min_size=LANES, max_size=LANES),
        num_right=st.integers(0, 9),
    )
    def step(self, is_interrupted: bool, tokens: list[int], num_right: int = 0) -> None:
        plan = self.scheduler.plan()
        if plan is None:
            assert not self.alive, "there is work, but no plan"
            return
        assert plan.work or not self.alive, "somebody must always get on"
        assert sum(work.count for work in plan.work) <= BATCH
        assert len({work.sequence.lane for work in plan.work}) == len(plan.work) <= LANES
        assert len({work.sequence.variant for work in plan.work}) <= 1, "a step computes one variant"
        assert len(plan.work) == 1 or not any(work.view for work in plan.work), "a view comes alone"
        for change in plan.changes:
            assert self.shares_parts or not isinstance(change, Copy | Trim)
            self.engine.change_lane(change)
            if isinstance(change, Stow):
                self.scheduler.note_stowed(change.key, len(self.engine.stash[change.key]))
        if not is_interrupted:
            self._compute(plan, tokens, num_right)

    def _compute(self, plan: Plan, tokens: list[int], num_right: int) -> None:
        for work in plan.work:
            self.engine.compute(work)
        assert self.engine.cells <= CELLS
        self.scheduler.note_step(plan, 1000 + sum(work.count for work in plan.work))
        wanting = [work for work in plan.work if work.num_rows]
        sampled = [[*work.drafts[:num_right], token] for work, token in zip(wanting, tokens, strict=False)]
        for outcome in self.scheduler.commit(plan, sampled):
            if outcome.end is not None:
                del self.alive[outcome.sequence.id]

    @invariant()
    def incognito_leaves_no_entry(self) -> None:
        for lane in self.scheduler._cache.lanes:
            assert all(cell.domain for cell in self.engine.lanes[lane])
        assert all(cell.domain for cells in self.engine.stash.values() for cell in cells)

    @invariant()
    def stash_holds_what_the_cache_knows(self) -> None:
        stowed = self.scheduler._cache.stash.entries
        to_come = {change.key for change in self.scheduler._lanes._changes if isinstance(change, Stow)}
        assert {key for key, entry in stowed.items()} <= self.engine.stash.keys() | to_come
        for key in stowed.keys() - to_come:
            assert [cell.token for cell in self.engine.stash[key]] == stowed[key].tokens

    @invariant()
    def accounts_balance(self) -> None:
        self.scheduler.check()
        stale = {change.lane for change in self.scheduler._lanes._changes if isinstance(change, Forget)}
        kept = {lane: cells for lane, cells in self.engine.lanes.items() if lane not in stale}
        for change in self.scheduler._lanes._changes:
            if isinstance(change, Trim) and change.lane in kept:
                kept[change.lane] = kept[change.lane][: change.length]
        used = len({id(cell) for cells in kept.values() for cell in cells})
        assert self.scheduler.tally().used_cells == used

    def teardown(self) -> None:
        """Whatever happened, everything comes to its end."""
        for _ in range(2000):
            if not self.alive:
                return
            self.step(False, [3] * LANES)
        raise AssertionError("some sequence never ends")


class AnyScheduleOfWholeLanes(AnySchedule):
    """The same for a model whose lanes cannot be shared in part."""

    shares_parts = False


AnySchedule.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
AnyScheduleOfWholeLanes.TestCase.settings = AnySchedule.TestCase.settings
test_any_schedule = AnySchedule.TestCase
test_any_schedule_of_whole_lanes = AnyScheduleOfWholeLanes.TestCase
