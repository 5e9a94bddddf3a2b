"""Residency's promises: never over the budget, never under a lease, nothing loaded twice, nobody lost."""

from __future__ import annotations

import inspect

import pytest
from hobd.broker.residency import Residency
from hobd.broker.tenant import Place, Policy
from hobd.errors import Busy, OutOfMemory

from tests.unit.hobd.broker.world import World

ALIKE = {"a": 10, "b": 10, "c": 10}


@pytest.fixture
def room_for_two() -> World:
    return World(ALIKE, budget=20)


@pytest.fixture
def room_for_one() -> World:
    return World(ALIKE, budget=10)


def test_second_request_shares_the_first_ones_load(room_for_one: World) -> None:
    tickets = {room_for_one.want("a"), room_for_one.want("a")}
    assert room_for_one.history == ["+a"] and room_for_one.leases.keys() == tickets


def test_as_many_models_stay_as_there_is_memory_for() -> None:
    world = World({"a": 10, "b": 15, "c": 25}, budget=50)
    for model in "abc":
        world.use(model)
    assert world.history == ["+a", "+b", "+c"]


def test_model_that_nobody_uses_makes_room_before_anybody_waits(room_for_one: World) -> None:
    room_for_one.use("a")
    room_for_one.wait(1)
    room_for_one.use("b")
    assert room_for_one.history == ["+a", "-a", "+b"]


def test_number_of_models_can_be_bounded_as_well() -> None:
    world = World(ALIKE, budget=100, policy=Policy(max_resident=2))
    for model in "abc":
        world.use(model)
        world.wait(5)
    assert len(world.residency.ledger.holders) == 2


def test_load_begins_only_when_the_memory_is_really_free(room_for_one: World) -> None:
    room_for_one.use("a")
    room_for_one.wait(5)
    room_for_one.want("b")
    assert room_for_one.leaving == {"a"} and not room_for_one.loading
    room_for_one.leave("a")
    assert room_for_one.loading == {"b"}


def test_newcomer_waits_for_a_model_in_use_and_gets_its_room(room_for_one: World) -> None:
    first = room_for_one.want("a")
    room_for_one.settle()
    second = room_for_one.want("b")
    assert room_for_one.queue == {second: "b"} and not room_for_one.refusals
    room_for_one.wait(10)
    room_for_one.drop(first)
    room_for_one.settle()
    assert room_for_one.leases == {second: "b"}


def test_newcomer_is_refused_when_its_patience_ends() -> None:
    world = World(ALIKE, budget=10, policy=Policy(room_wait_seconds=30))
    world.want("a")
    world.settle()
    ticket = world.want("b")
    world.wait(29)
    assert ticket in world.queue
    world.wait(1)
    with pytest.raises(Busy, match="b found no room in memory within 30 s, since a stayed in use"):
        raise world.refusals[ticket]


def test_without_patience_it_is_refused_at_once() -> None:
    world = World(ALIKE, budget=10, policy=Policy(room_wait_seconds=0))
    world.want("a")
    assert world.want("b") in world.refusals


def test_row_is_bounded() -> None:
    world = World(ALIKE, budget=10, policy=Policy(max_waiting=2))
    world.want("a")
    tickets = [world.want("b") for _ in range(3)]
    assert list(world.refusals) == tickets[2:]


def test_model_larger_than_the_budget_is_refused_with_both_sizes() -> None:
    ticket = (world := World({"a": 3 << 30}, budget=2 << 30)).want("a")
    with pytest.raises(OutOfMemory, match=r"a needs 3\.0 GiB of ram, and there are 2\.0 GiB"):
        raise world.refusals[ticket]


def test_pinned_model_is_never_asked_to_go(room_for_one: World) -> None:
    room_for_one.use("a")
    room_for_one.pin("a")
    ticket = room_for_one.want("b")
    with pytest.raises(Busy, match=r"beside what is pinned \(a\)"):
        raise room_for_one.refusals[ticket]


def test_pinning_a_model_that_was_to_make_room_tells_who_waits(room_for_one: World) -> None:
    room_for_one.want("a")
    room_for_one.settle()
    ticket = room_for_one.want("b")
    room_for_one.pin("a")
    assert ticket in room_for_one.refusals and not room_for_one.residency.tenant("a").leaves_for


def test_failed_load_gives_its_memory_to_the_next_who_waits(room_for_one: World) -> None:
    first, second = room_for_one.want("a"), room_for_one.want("b")
    room_for_one.fail_load("a")
    assert room_for_one.loading == {"b"} and second in room_for_one.leases
    room_for_one.drop(first)


def test_model_on_its_way_out_is_loaded_again_when_it_has_left(room_for_one: World) -> None:
    room_for_one.use("a")
    room_for_one.unload("a")
    ticket = room_for_one.want("a")
    assert ticket in room_for_one.queue
    room_for_one.leave("a")
    assert ticket in room_for_one.leases and room_for_one.history == ["+a", "+a"]


def test_model_that_dies_in_use_keeps_its_room_and_its_leases(room_for_one: World) -> None:
    ticket = room_for_one.want("a")
    room_for_one.settle()
    room_for_one.die("a")
    assert room_for_one.residency.place("a") is Place.LOADING and ticket in room_for_one.leases
    assert room_for_one.residency.ledger.charged("a") == {"ram": 10}


def test_model_that_dies_unused_frees_its_room(room_for_one: World) -> None:
    room_for_one.use("a")
    room_for_one.die("a")
    assert room_for_one.residency.place("a") is Place.ABSENT and room_for_one.residency.ledger.holders == []


def test_measured_overdraft_stops_the_next_load_until_somebody_goes(room_for_two: World) -> None:
    room_for_two.want("a")
    room_for_two.finish_load("a", measured=15)
    ticket = room_for_two.want("b")
    assert ticket in room_for_two.queue and room_for_two.residency.tenant("a").leaves_for == "b"


def test_small_model_passes_into_room_that_the_first_in_the_row_will_not_need() -> None:
    world = World({"a": 10, "b": 18, "c": 2, "d": 5}, budget=20)
    world.want("a")
    world.settle()
    waiting = world.want("b")
    assert world.want("c") in world.leases and world.want("d") in world.queue
    assert waiting in world.queue


def test_model_that_is_here_is_used_though_the_row_is_blocked() -> None:
    world = World({"a": 40, "b": 60, "c": 30, "d": 90}, budget=100)
    for model in "abcd":
        world.want(model)
    assert world.want("a") in world.leases and list(world.queue.values()) == ["c", "d"]


def test_nothing_that_a_request_says_can_cause_a_load() -> None:
    """The key of a resident is its name; the account is what the daemon itself thinks it takes."""
    assert list(inspect.signature(Residency.want).parameters) == ["self", "ticket", "model", "account", "now"]
    world = World(ALIKE, budget=30)
    world.want("a")
    world.sizes["a"] = 15  # the settings changed since
    world.want("a")
    assert world.history == ["+a"]


# ------------------------------------------------------------------ how long they stay


@pytest.fixture
def hourly() -> World:
    return World(ALIKE, budget=20, policy=Policy(idle_ttl_seconds=3600))


def test_idle_model_leaves_after_its_time(hourly: World) -> None:
    hourly.use("a")
    hourly.wait(3599)
    assert hourly.is_ready("a")
    hourly.wait(1)
    assert hourly.history == ["+a", "-a"]


def test_every_use_begins_the_time_anew(hourly: World) -> None:
    for _ in range(3):
        hourly.use("a")
        hourly.wait(3000)
    assert hourly.history == ["+a"]


@pytest.mark.parametrize("reason", ["pinned", "in use"])
def test_model_that_is_pinned_or_in_use_does_not_leave_for_being_idle(hourly: World, reason: str) -> None:
    hourly.use("a")
    if reason == "pinned":
        hourly.pin("a")
    else:
        hourly.want("a")
    hourly.wait(100_000)
    assert hourly.is_ready("a") and hourly.residency.deadline() is None


def test_keep_alive_lengthens_the_stay(hourly: World) -> None:
    ticket = hourly.want("a")
    hourly.settle()
    hourly.drop(ticket, keep_seconds=5000)
    hourly.wait(4999)
    assert hourly.is_ready("a")
    hourly.wait(1)
    assert not hourly.is_ready("a")


def test_keep_alive_never_shortens_anothers(hourly: World) -> None:
    tickets = [hourly.want("a"), hourly.want("a")]
    hourly.settle()
    hourly.drop(tickets[0], keep_seconds=9000)
    hourly.drop(tickets[1], keep_seconds=0)
    assert hourly.residency.leaves_at("a") == hourly.now + 9000


def test_model_without_a_time_to_live_stays_for_ever(room_for_two: World) -> None:
    room_for_two.use("a")
    assert room_for_two.residency.leaves_at("a") is None and room_for_two.residency.deadline() is None


def test_when_memory_is_short_the_idle_model_missed_least_leaves(hourly: World) -> None:
    for model in ("a", "b", "b"):
        hourly.use(model)
    hourly.let_one_go()
    assert hourly.history == ["+a", "+b", "-a"]


@pytest.mark.parametrize("reason", ["pinned", "in use"])
def test_model_that_is_pinned_or_in_use_stays_though_memory_is_short(hourly: World, reason: str) -> None:
    hourly.use("a")
    if reason == "pinned":
        hourly.pin("a")
    else:
        hourly.want("a")
    assert not hourly.residency.has_idle
    hourly.let_one_go()
    assert hourly.is_ready("a")


def test_keep_alive_gives_way_when_memory_is_short_but_after_other_idle_models(hourly: World) -> None:
    ticket = hourly.want("a")
    hourly.settle()
    hourly.drop(ticket, keep_seconds=5000)
    hourly.use("b")
    hourly.use("b")
    hourly.let_one_go()
    hourly.let_one_go()
    assert hourly.history[-2:] == ["-b", "-a"]
