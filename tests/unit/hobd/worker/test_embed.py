"""Packing texts into steps: everything gets done, in its order, within every bound."""

from __future__ import annotations

from hobd.worker.embed import PATIENCE_STEPS, Item, Part, Share, commit, pack, split
from hypothesis import given
from hypothesis import strategies as st

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=40)
budgets = st.lists(st.integers(1, 24), min_size=1)


def given_items(sizes: list[int]) -> list[Item]:
    return [Item(1, number, range(size)) for number, size in enumerate(sizes)]


def steps(items: list[Item], budgets: list[int], *, num_slots: int, can_cut: bool) -> list[list[Part]]:
    """All steps until everything is done, with these budgets in turn."""
    taken: list[list[Part]] = []
    while todo := [item for item in items if not item.is_done]:
        todo.sort(key=lambda item: item.slot is None)
        budget = budgets[len(taken) % len(budgets)]
        parts = pack(todo, budget=budget, num_slots=num_slots, can_cut=can_cut)
        assert parts, "there is always something to do"
        assert_within_bounds(parts, budget, num_slots, can_cut)
        commit(parts)
        taken.append(parts)
        assert len([item for item in items if item.slot is not None]) <= 1, "at most one is cut"
    return taken


def assert_within_bounds(parts: list[Part], budget: int, num_slots: int, can_cut: bool) -> None:
    slots = [part.slot for part in parts]
    assert len(set(slots)) == len(slots) and all(0 <= slot < num_slots for slot in slots)
    assert sum(part.count for part in parts) <= budget or (len(parts) == 1 and not can_cut)
    cells = sum(part.start + part.count for part in parts)
    assert cells <= max(len(part.item.tokens) for part in parts) + budget


@given(sizes=lengths, budgets=budgets, num_slots=st.integers(1, 6))
def test_every_token_is_computed_once_and_items_end_in_order(
    sizes: list[int], budgets: list[int], num_slots: int
) -> None:
    items = given_items(sizes)
    parts = [part for step in steps(items, budgets, num_slots=num_slots, can_cut=True) for part in step]
    computed = [(part.item.input, part.start + offset) for part in parts for offset in range(part.count)]
    assert computed == [(number, place) for number, size in enumerate(sizes) for place in range(size)]


@given(sizes=lengths, budgets=budgets, num_slots=st.integers(1, 6))
def test_encoder_gets_each_item_whole(sizes: list[int], budgets: list[int], num_slots: int) -> None:
    taken = steps(given_items(sizes), budgets, num_slots=num_slots, can_cut=False)
    assert [part.count for step in taken for part in step] == sizes


@given(sizes=lengths, budgets=budgets)
def test_item_goes_on_in_the_slot_that_holds_it(sizes: list[int], budgets: list[int]) -> None:
    held: dict[int, int] = {}
    for step in steps(given_items(sizes), budgets, num_slots=4, can_cut=True):
        for part in step:
            assert part.start == 0 or held[part.item.input] == part.slot
        held = {part.item.input: part.slot for part in step}


@given(tokens=st.lists(st.integers(), max_size=50), room=st.integers(1, 20))
def test_chunks_are_the_whole_and_none_is_too_long(tokens: list[int], room: int) -> None:
    chunks = split(tokens, room)
    assert [token for chunk in chunks for token in chunk] == tokens
    assert all(len(chunk) <= room for chunk in chunks) and all(chunks[1:])


def test_vectors_take_whole_steps_when_nobody_answers() -> None:
    assert Share(512, 128).budget(None, 2) == 512


def test_vectors_of_the_same_class_share_every_step() -> None:
    share = Share(512, 128)
    assert [share.budget(1, 1) for _ in range(3)] == [128, 128, 128]


def test_vectors_of_a_lesser_class_wait_but_not_for_ever() -> None:
    share = Share(512, 128)
    budgets = [share.budget(0, 2) for _ in range(2 * PATIENCE_STEPS)]
    assert budgets == ([0] * (PATIENCE_STEPS - 1) + [128]) * 2
