"""Who goes on after a worker's death: nobody innocent is lost, nothing poisonous goes on for ever."""

from __future__ import annotations

from hobd.broker.recovery import History, Stage, Verdict, Ward
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule


def given_at_work(history: History | None = None) -> History:
    history = history or History()
    for stage in (Stage.INTAKE, Stage.QUEUED, Stage.PREFILL):
        history.enter(stage, 0.0)
    return history


def test_lone_request_is_given_up_at_its_second_death() -> None:
    history = given_at_work()
    assert history.lose(0.0, is_alone=True) is Verdict.RESUME
    assert given_at_work(history).lose(0.0, is_alone=True) is Verdict.GIVE_UP


def test_request_in_company_is_never_given_up() -> None:
    history = History()
    verdicts = [given_at_work(history).lose(0.0, is_alone=False) for _ in range(4)]
    assert verdicts == [Verdict.RESUME] + [Verdict.QUARANTINE] * 3


def test_suspect_is_given_up_at_its_second_death_alone() -> None:
    history = History()
    alone = [False, False, True, False, True]
    verdicts = [given_at_work(history).lose(0.0, is_alone=is_alone) for is_alone in alone]
    assert verdicts == [Verdict.RESUME] + [Verdict.QUARANTINE] * 3 + [Verdict.GIVE_UP]


def test_any_number_of_deaths_with_headway_between_them_is_survived() -> None:
    history = History()
    for _ in range(4):
        given_at_work(history).tell([7] * 40, 0.0)
        assert history.lose(0.0, is_alone=True) is Verdict.RESUME


def test_request_that_only_queued_is_no_suspect() -> None:
    history = History()
    for _ in range(5):
        history.enter(Stage.INTAKE, 0.0)
        history.enter(Stage.QUEUED, 0.0)
        assert history.lose(0.0, is_alone=False) is Verdict.RESUME
    assert (history.num_losses, history.num_deaths) == (5, 0)


def test_request_whose_workers_all_die_while_it_queues_is_given_up() -> None:
    history = History()
    verdicts = []
    for _ in range(20):
        history.enter(Stage.INTAKE, 0.0)
        history.enter(Stage.QUEUED, 0.0)
        verdicts.append(history.lose(0.0, is_alone=True))
    assert verdicts[:8] == [Verdict.RESUME] * 8
    assert Verdict.GIVE_UP in verdicts[8:11]


def test_getting_on_makes_up_for_losses_in_the_queue() -> None:
    history = History()
    for _ in range(20):
        history.enter(Stage.INTAKE, 0.0)
        history.enter(Stage.QUEUED, 0.0)
        assert history.lose(0.0, is_alone=True) is Verdict.RESUME
        given_at_work(history).tell([7] * 40, 0.0)
        history.enter(Stage.QUEUED, 0.0)


def test_headway_lifts_a_suspicion_once() -> None:
    history = History()
    for _ in range(2):
        given_at_work(history).lose(0.0, is_alone=False)
    given_at_work(history)
    lifted = [history.tell([7], 0.0) for _ in range(40)]
    assert lifted.count(True) == 1 and not history.is_suspect


def test_times_in_stages_add_up_over_workers() -> None:
    history = History()
    for at, stage in ((1, Stage.INTAKE), (2, Stage.QUEUED), (4, Stage.PREFILL)):
        history.enter(stage, at)
    history.tell([1], 8)
    history.lose(16, is_alone=True)
    history.enter(Stage.INTAKE, 32)
    history.lose(64, is_alone=True)
    spent = [history.spent_ms(stage) for stage in Stage]
    assert spent == [16_000, 33_000, 2_000, 4_000, 8_000]


def test_repr_of_a_history_tells_counts_only() -> None:
    history = given_at_work()
    history.tell([1234, 4321], 0.0)
    assert "1234" not in repr(history) and "2 tokens" in repr(history)


@given(st.integers(1, 400))
@settings(deadline=None)
def test_answer_that_kills_every_few_tokens_is_given_up_before_its_context_is_full(period: int) -> None:
    history = History()
    for _ in range(5 + period.bit_length()):
        given_at_work(history)
        for _ in range(period):
            history.tell([7], 0.0)
        verdict = history.lose(0.0, is_alone=True)
        if verdict is Verdict.GIVE_UP:
            break
    assert verdict is Verdict.GIVE_UP and len(history.tokens) <= 14 * 400


class AnyDeaths(RuleBasedStateMachine):
    """One model, its requests, and among them a poison that kills whatever computes it."""

    POISON = 0
    LENGTH = 100

    def __init__(self) -> None:
        super().__init__()
        self.ward = Ward()
        self.histories = {id: History() for id in range(6)}
        self.aboard: set[int] = set()
        self.given_up: set[int] = set()
        self.num_poisonings = 0

    @property
    def under_way(self) -> list[int]:
        return [
            id
            for id, history in self.histories.items()
            if id not in self.given_up and len(history.tokens) < self.LENGTH
        ]

    @rule(id=st.integers(0, 5))
    def board(self, id: int) -> None:
        if id in self.under_way and id not in self.aboard and self.ward.may_go(id):
            self.aboard.add(id)
            self.histories[id].enter(Stage.QUEUED, 0.0)

    @rule(id=st.integers(0, 5))
    def begin(self, id: int) -> None:
        if id in self.aboard and not self.histories[id].is_at_work:
            self.histories[id].enter(Stage.PREFILL, 0.0)

    @rule(count=st.integers(1, 40))
    def step(self, count: int) -> None:
        if self.POISON in self.aboard and self.histories[self.POISON].is_at_work:
            self.num_poisonings += 1
            self.die()
            return
        for id in sorted(self.aboard):
            history = self.histories[id]
            if history.is_at_work and history.tell([7] * count, 0.0):
                self.ward.discharge(id)
            if len(history.tokens) >= self.LENGTH:
                self.leave(id)

    @precondition(lambda self: sum(self.histories[id].is_at_work for id in self.aboard) > 1)
    @rule()
    def die_of_something_else(self) -> None:
        self.die()

    @rule(id=st.integers(1, 5))
    def cancel(self, id: int) -> None:
        self.leave(id)
        self.histories[id] = History()

    def leave(self, id: int) -> None:
        self.aboard.discard(id)
        self.ward.discharge(id)

    def die(self) -> None:
        aboard, self.aboard = self.aboard, set()
        at_work = [id for id in aboard if self.histories[id].is_at_work]
        for id in sorted(aboard):
            verdict = self.histories[id].lose(0.0, is_alone=at_work == [id])
            if verdict is Verdict.GIVE_UP:
                self.given_up.add(id)
                self.ward.discharge(id)
            elif verdict is Verdict.QUARANTINE:
                self.ward.admit(id)

    @invariant()
    def only_the_poison_is_given_up(self) -> None:
        assert self.given_up <= {self.POISON}

    @invariant()
    def at_most_one_suspect_is_aboard(self) -> None:
        assert sum(self.histories[id].is_suspect for id in self.aboard) <= 1

    @invariant()
    def somebody_may_go_on(self) -> None:
        waiting = [id for id in self.under_way if id not in self.aboard]
        assert not waiting or self.aboard or any(self.ward.may_go(id) for id in waiting)

    def teardown(self) -> None:
        """Left to themselves, all innocent requests get to their end."""
        for _ in range(60):
            for id in self.under_way:
                self.board(id)
                self.begin(id)
            self.step(10)
        assert not [id for id in self.under_way if id != self.POISON]
        assert self.POISON in self.given_up and self.num_poisonings <= 5


AnyDeaths.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
test_any_deaths = AnyDeaths.TestCase
