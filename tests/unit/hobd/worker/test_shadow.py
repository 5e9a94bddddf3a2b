"""What the draft model holds of a sequence stays true whatever was foretold and whatever came."""

from __future__ import annotations

from hobd.worker.shadow import Shadow, Trust
from hypothesis import given
from hypothesis import strategies as st

VOCABULARY = 10


def given_shadow(tokens: list[int], guesses: list[int]) -> Shadow:
    """One that has caught up and foretold some tokens."""
    shadow = Shadow(tokens, VOCABULARY, Trust())
    for guess in guesses:
        shadow.hold(len(shadow.pending(100)))
        shadow.foretell(guess)
    return shadow


def test_right_guesses_are_kept_and_what_follows_is_still_foretold() -> None:
    tokens = [1, 2, 3]
    shadow = given_shadow(tokens, [4, 5, 6])
    tokens += [4, 5]
    assert shadow.propose(9) == [6]
    assert shadow.num_held == 5 and shadow.pending(9) == [6]


def test_wrong_guess_takes_all_after_it_along() -> None:
    tokens = [1, 2, 3]
    shadow = given_shadow(tokens, [4, 5, 6])
    tokens += [4, 9]
    assert shadow.propose(9) == []
    assert shadow.num_held == 4 and shadow.pending(9) == [9]


def test_trust_of_one_begins_where_all_have_come_to() -> None:
    common, tokens = Trust(), [1]
    for _ in range(40):
        shadow = Shadow(tokens, VOCABULARY, common)
        shadow.hold(len(tokens))
        shadow.foretell(2)
        tokens.append(2)
        assert shadow.propose(1) == []
    assert Shadow([1], VOCABULARY, common).trust == common.value > 0.95


def test_token_that_the_draft_model_does_not_know_makes_it_foreign() -> None:
    tokens = [1]
    shadow = Shadow(tokens, VOCABULARY, Trust())
    assert not shadow.is_shunned
    tokens.append(VOCABULARY)
    assert shadow.num_lacking == 2 and shadow.is_shunned


@given(
    prompt=st.lists(st.integers(0, 2), min_size=1, max_size=9),
    steps=st.lists(
        st.tuples(st.lists(st.integers(0, 2), max_size=4), st.lists(st.integers(0, 2), max_size=5))
    ),
)
def test_what_it_holds_is_what_was_said_and_what_it_foretold(
    prompt: list[int], steps: list[tuple[list[int], list[int]]]
) -> None:
    tokens, cells = list(prompt), []
    shadow = Shadow(tokens, VOCABULARY, Trust())
    for guesses, come in steps:
        for guess in guesses:
            del cells[shadow.num_held :]
            pending = shadow.pending(100)
            assert pending
            cells += pending
            shadow.hold(len(pending))
            shadow.foretell(guess)
        tokens += come
        foretold = shadow.propose(100)
        assert cells[: shadow.num_held] == [*tokens, *foretold][: shadow.num_held]
        assert shadow.num_held < len(tokens) + len(foretold)
