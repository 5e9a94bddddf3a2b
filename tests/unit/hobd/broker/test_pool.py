"""The pool's bound, and who goes for whom, under any sequence of calls."""

from __future__ import annotations

from hobd.broker.pool import Item, Pool
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 100
items = st.builds(
    Item,
    model=st.sampled_from("ab"),
    domain=st.sampled_from(["x", "y"]),
    num_bytes=st.integers(1, LIMIT + 20),
    cost=st.floats(1, 1e6),
)
calls = st.lists(st.one_of(items, st.sampled_from(["forget", "take"])), max_size=40)


def item(num_bytes: int, *, model: str = "a", cost: float = 1.0) -> Item:
    return Item(model=model, domain="x", num_bytes=num_bytes, cost=cost)


def take(pool: Pool) -> list[int]:
    keys = pool.of("a", LIMIT, 2)
    for key in keys:
        pool.remove(key)
    return keys


@given(calls=calls)
def test_pool_is_never_over_its_limit_and_its_books_balance(calls: list[Item | str]) -> None:
    pool, held = Pool(LIMIT), {}
    for number, call in enumerate(calls):
        if isinstance(call, Item):
            held[number] = call
            gone = pool.add(number, call)
        else:
            gone = take(pool) if call == "take" else pool.forget(lambda each: each.domain == "x")[0]
        for key in gone:
            del held[key]
        assert all(key in pool for key in held)
        assert pool.num_bytes == sum(each.num_bytes for each in held.values()) <= LIMIT
        assert sum(num_bytes for _, num_bytes in pool.usage().values()) == pool.num_bytes


def test_what_is_too_large_goes_alone() -> None:
    pool = Pool(LIMIT)
    assert pool.add(1, item(60)) == [] and pool.add(2, item(LIMIT + 1)) == [2]
    assert 1 in pool


def test_oldest_of_equals_goes_first() -> None:
    pool = Pool(LIMIT)
    assert [pool.add(key, item(40)) for key in (1, 2, 3, 4)] == [[], [], [1], [2]]


def test_what_costs_most_to_compute_again_stays_longest() -> None:
    pool = Pool(LIMIT)
    pool.add(1, item(50, cost=100))
    pool.add(2, item(50, cost=1))
    assert pool.add(3, item(50)) == [2]


def test_model_gets_its_own_the_last_used_first_as_far_as_they_fit() -> None:
    pool = Pool(LIMIT)
    for key, model in ((1, "a"), (2, "b"), (3, "a"), (4, "a")):
        pool.add(key, item(20, model=model))
    assert pool.of("a", 45, 9) == [4, 3] and pool.of("a", LIMIT, 1) == [4]
