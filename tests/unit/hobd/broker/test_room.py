"""Who makes room: the cheapest to bring back by byte, no more of them than needed, those in use last."""

from __future__ import annotations

from hobd.broker.ledger import lacking, plus
from hobd.broker.room import choose
from hobd.broker.tenant import Place, Tenant
from hypothesis import given
from hypothesis import strategies as st

NOW = 1000.0


def tenant(model: str, *, reload: float = 1.0, uses: int = 1, kv: float = 0.0, leases: int = 0) -> Tenant:
    made = Tenant(model)
    made.place = Place.READY
    made.reload_seconds, made.kv_seconds, made.idle_at = reload, kv, NOW
    made.leases = set(range(leases))
    for _ in range(uses):
        made.note_want(NOW)
    return made


def names(tenants: list[tuple[Tenant, int]], needed: int, free: int = 0) -> list[str] | None:
    chosen = choose([(t, {"ram": size}) for t, size in tenants], {"ram": needed}, {"ram": free}, NOW)
    return None if chosen is None else [t.model for t in chosen]


def test_nobody_goes_when_it_fits() -> None:
    assert names([(tenant("a"), 10)], needed=5, free=5) == []


def test_quickest_to_bring_back_goes_first() -> None:
    assert names([(tenant("slow", reload=9), 10), (tenant("quick", reload=2), 10)], needed=10) == ["quick"]


def test_less_used_goes_first() -> None:
    assert names([(tenant("often", uses=5), 10), (tenant("rarely"), 10)], needed=10) == ["rarely"]


def test_uses_of_long_ago_count_little() -> None:
    old, new = tenant("old", uses=5), tenant("new", uses=2)
    held = [(old, {"ram": 10}), (new, {"ram": 10})]
    old._uses_at = NOW - 7200  # two hours, four half-lives
    assert choose(held, {"ram": 10}, {"ram": 0}, NOW) == [old]


def test_model_with_caches_to_lose_stays_longer() -> None:
    assert names([(tenant("warm", kv=30), 10), (tenant("cold", reload=3), 10)], needed=10) == ["cold"]


def test_it_is_the_cost_by_byte_that_counts() -> None:
    assert names([(tenant("small", reload=2), 2), (tenant("large", reload=3), 10)], needed=2) == ["large"]


def test_cheap_one_that_turns_out_not_to_be_needed_is_spared() -> None:
    assert names([(tenant("cheap", reload=0.1), 2), (tenant("large", reload=5), 10)], needed=10) == ["large"]


def test_idle_goes_before_kept_and_kept_before_used() -> None:
    used, kept, idle = tenant("used", leases=1), tenant("kept"), tenant("idle", reload=99)
    kept.kept_until = NOW + 10
    held = [(used, 10), (kept, 10), (idle, 10)]
    assert names(held, needed=10) == ["idle"] and set(names(held, needed=20) or ()) == {"idle", "kept"}


def test_who_was_asked_already_is_asked_again() -> None:
    asked, cheaper = tenant("asked", reload=9, leases=1), tenant("cheaper", leases=1)
    asked.leaves_for = "x"
    assert names([(cheaper, 10), (asked, 10)], needed=10) == ["asked"]


def test_model_on_another_device_is_of_no_use() -> None:
    assert choose([(tenant("a"), {"gpu": 99})], {"ram": 1}, {"ram": 0}, NOW) is None


SIZES = st.lists(st.tuples(st.integers(0, 50), st.floats(0, 100), st.integers(0, 2)), max_size=6)


@given(models=SIZES, needed=st.integers(1, 150), free=st.integers(-20, 50))
def test_choice_suffices_and_nobody_in_it_can_be_spared(
    models: list[tuple[int, float, int]], needed: int, free: int
) -> None:
    held = {
        str(number): (tenant(str(number), reload=reload, leases=leases), {"ram": size})
        for number, (size, reload, leases) in enumerate(models)
    }
    chosen = choose(held.values(), {"ram": needed}, {"ram": free}, NOW)
    if chosen is None:
        assert sum(size for size, _, _ in models) + free < needed
        return
    sizes = [held[t.model][1] for t in chosen]
    for left_out in range(-1, len(sizes)):
        room = {"ram": free}
        for number, size in enumerate(sizes):
            room = room if number == left_out else plus(room, size)
        assert bool(lacking({"ram": needed}, room)) is (left_out >= 0)
