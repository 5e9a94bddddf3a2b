"""Turns of variants: shares by class, nobody starves, and one name for every way to ask for the same."""

from __future__ import annotations

from random import Random

from hobd.wire.messages import Lora
from hobd.worker.variants import BASE, Variant, Variants, domain_of, variant_of
from hypothesis import given
from hypothesis import strategies as st

names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=5)
scales = st.floats(-10, 10, width=32)
loras = st.lists(st.builds(Lora, names, scales), max_size=8, unique_by=lambda lora: lora.name)
A, B, C = ((("a", 1.0),), (("b", 1.0),), (("c", 1.0),))


@given(loras, st.randoms())
def test_order_of_adapters_and_those_of_scale_zero_make_no_difference(
    given: list[Lora], random: Random
) -> None:
    shuffled = [*random.sample(given, len(given)), Lora("absent", 0.0), Lora("absent too", -0.0)]
    assert variant_of(shuffled) == variant_of(given)


@given(loras, loras, st.text(max_size=9), st.text(max_size=9))
def test_variants_and_domains_never_meet_in_a_domain(
    one: list[Lora], other: list[Lora], domain: str, elses: str
) -> None:
    domains = [(variant_of(one), f"owner:{domain}"), (variant_of(other), f"owner:{elses}")]
    assert (domain_of(*domains[0]) == domain_of(*domains[1])) == (domains[0] == domains[1])


@given(loras)
def test_incognito_request_with_adapters_still_has_no_domain(given: list[Lora]) -> None:
    assert domain_of(variant_of(given), "") == ""


def steps(variants: Variants, priorities: dict[Variant, int], count: int) -> list[Variant]:
    """Whose turn it is, when everybody always has something to compute."""
    taken = []
    for _ in range(count):
        taken.append(variants.turns()[0])
        variants.note_step(taken[-1], priorities[taken[-1]])
    return taken


def test_variants_of_one_class_take_turns() -> None:
    variants = Variants()
    for variant in (A, B, C, A):
        variants.enter(variant)
    assert steps(variants, {A: 1, B: 1, C: 1}, 6) == [A, B, C, A, B, C]


def test_better_class_gets_more_steps_and_the_worst_still_some() -> None:
    variants = Variants()
    for variant in (A, B, C):
        variants.enter(variant)
    taken = steps(variants, {A: 0, B: 1, C: 2}, 70)
    assert [taken.count(variant) for variant in (A, B, C)] == [40, 20, 10]


def test_model_as_it_is_needs_no_turns() -> None:
    variants = Variants()
    variants.enter(BASE)
    variants.note_step(BASE, 1)
    assert variants.turns() == [BASE]
    variants.leave(BASE)
    assert variants.turns() == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), max_size=200))
def test_nobody_waits_for_more_steps_than_the_others_together_may_have(
    events: list[tuple[int, int, bool]],
) -> None:
    variants, waited = Variants(), dict[Variant, int]()
    for number, priority, is_able in events:
        newcomer: Variant = ((str(number), 1.0),)
        if newcomer not in waited:
            variants.enter(newcomer)
            waited[newcomer] = 0
        # The first may have nothing to compute at its turn; then it does not wait either.
        turn = variants.turns()[0 if is_able or len(waited) == 1 else 1]
        for other in waited:
            waited[other] = 0 if other == turn or (not is_able) else waited[other] + 1
        variants.note_step(turn, priority)
        assert all(count <= 5 * 5 for count in waited.values())
