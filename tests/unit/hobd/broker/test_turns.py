"""Models that do not fit together take turns: nobody waits for ever, and swapping stays cheap."""

from __future__ import annotations

import heapq

import pytest

from tests.unit.hobd.broker.world import World

RELOAD_SECONDS, WORK_SECONDS = 2.0, 0.5


@pytest.fixture
def one() -> World:
    """Room for one; `a` is in memory, and took two seconds to load."""
    world = World({"a": 10, "b": 10}, budget=10)
    ticket = world.want("a")
    world.finish_load("a", seconds=RELOAD_SECONDS)
    world.drop(ticket)
    return world


def test_model_is_used_on_in_its_turn_though_another_is_waited_for(one: World) -> None:
    one.want("a")
    waiting = one.want("b")
    one.wait(5 * RELOAD_SECONDS - 0.1)
    assert one.want("a") in one.leases and waiting in one.queue


def test_after_its_turn_it_takes_nobody_new(one: World) -> None:
    first, waiting = one.want("a"), one.want("b")
    one.wait(5 * RELOAD_SECONDS)
    late = one.want("a")
    assert {waiting, late} == one.queue.keys()
    one.drop(first)
    assert one.leaving == {"a"}


def test_who_waited_together_is_served_together(one: World) -> None:
    first = one.want("a")
    waiting = {one.want("b") for _ in range(3)}
    one.wait(10)
    one.drop(first)
    one.settle()
    assert one.leases.keys() == waiting and one.history == ["+a", "-a", "+b"]


def test_model_reopens_when_nobody_waits_for_its_room_any_more(one: World) -> None:
    one.want("a")
    waiting = one.want("b")
    one.wait(11)
    late = one.want("a")
    one.drop(waiting)
    assert late in one.leases and not one.queue


def test_model_lingers_a_moment_for_the_next_request(one: World) -> None:
    ticket = one.want("a")
    one.want("b")
    one.drop(ticket)
    one.wait(0.1)
    assert one.want("a") in one.leases


def test_model_does_not_linger_when_that_was_in_vain_before(one: World) -> None:
    one.wait(100)
    ticket = one.want("a")
    one.want("b")
    one.drop(ticket)
    assert one.leaving == {"a"}


def test_time_that_nobody_waited_does_not_count_as_reload(one: World) -> None:
    one.drop(one.want("b"))  # gone before `a` has made room
    one.wait(100)
    one.settle()
    one.use("b")
    assert one.residency.tenant("b").reload_seconds == 1.0


def play(jobs: list[list[str]], pause: float = 0.01) -> float:
    """Seconds that clients take, each with its requests one after the other, where one model has room."""
    world = World({"a": 10, "b": 10}, budget=10)
    began, clock = world.now, []  # of (time, number, what)
    running: dict[int, int] = {}  # clients by ticket
    for client in range(len(jobs)):
        heapq.heappush(clock, (world.now, client, "ask", ""))
    while clock:
        at, number, what, model = heapq.heappop(clock)
        world.wait(max(0.0, at - world.now))
        if what == "ask" and jobs[number]:
            running[world.want(jobs[number].pop(0))] = number
        elif what == "done":
            client = running.pop(number)
            world.drop(number)
            heapq.heappush(clock, (world.now + pause, client, "ask", ""))
        elif what == "loaded":
            world.finish_load(model, seconds=0)
        plan_what_comes(world, clock, running)
    assert not world.queue and not world.refusals
    return world.now - began


def plan_what_comes(world: World, clock: list[tuple[float, int, str, str]], running: dict[int, int]) -> None:
    """Loads and answers take their time; departures none. A tick comes when residency asks for one."""
    for model in list(world.leaving):
        world.leave(model)
    planned = {(number, what, model) for _, number, what, model in clock}
    for model in world.loading:
        if (0, "loaded", model) not in planned:
            heapq.heappush(clock, (world.now + RELOAD_SECONDS, 0, "loaded", model))
    for ticket, model in world.leases.items():
        if world.is_ready(model) and (ticket, "done", "") not in planned:
            heapq.heappush(clock, (world.now + WORK_SECONDS, ticket, "done", ""))
    due = world.residency.deadline()
    if due is not None and due < world.now + 20 and not any(what == "tick" for _, _, what, _ in clock):
        heapq.heappush(clock, (due + 1e-6, 0, "tick", ""))


@pytest.mark.parametrize(
    "jobs",
    [
        [[model] for model in "ab" * 20],
        [["a"] * 30, ["b"] * 30],
        [["a"] * 30, ["b"] * 30, ["a"] * 30, ["b"] * 30],
    ],
    ids=["all at once", "a client each", "two clients each"],
)
def test_alternating_traffic_costs_little_more_than_one_model_after_the_other(jobs: list[list[str]]) -> None:
    of_one = {name: [[m for m in job if m == name] for job in jobs] for name in "ab"}
    cheapest = play(of_one["a"]) + play(of_one["b"])
    assert play(jobs) < 1.3 * cheapest


def test_clients_who_alternate_share_the_swaps_that_they_force() -> None:
    """Each asks for one model after the other, so somebody has to wait for a swap before every request."""
    assert play([["a", "b"] * 15, ["b", "a"] * 15]) < 1.1 * 30 * (RELOAD_SECONDS + WORK_SECONDS)
