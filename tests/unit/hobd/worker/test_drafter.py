"""The draft model's lanes and cells under any order of sequences; FakeEngine checks every slice."""

from __future__ import annotations

from hobd.worker.drafter import Drafter
from hobd.worker.engine import Settings
from hobd.worker.shadow import Shadow, Trust
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.engine import END, VOCABULARY, FakeEngine, next_token

SETTINGS = Settings(num_lanes=2, batch_tokens=32, context_tokens=48, kv_cells=48)
NEVER = 10**9


def given_drafter(answer_length: int = NEVER) -> tuple[Drafter, FakeEngine]:
    engine = FakeEngine(SETTINGS, answer_length=answer_length)
    return Drafter(engine, VOCABULARY), engine


def guess(drafter: Drafter, *wanted: tuple[Shadow, int]) -> int:
    return drafter.guess(wanted, beside=[shadow for shadow, _ in wanted])


def given_shadow(tokens: list[int]) -> Shadow:
    return Shadow(tokens, VOCABULARY, Trust())


def continued(tokens: list[int], count: int) -> list[int]:
    """What FakeEngine says next."""
    tokens = list(tokens)
    for _ in range(count):
        tokens.append(next_token(tokens, NEVER))
    return tokens[-count:]


def test_guesses_are_what_the_draft_model_says() -> None:
    drafter, engine = given_drafter()
    tokens, steps = list(b"hello"), []
    engine.in_decode = steps.append
    shadow = given_shadow(tokens)
    assert guess(drafter, (shadow, 4)) == len(steps) == 4
    assert shadow.propose(9) == continued(tokens, 4)


def test_all_that_are_guessed_for_share_each_round() -> None:
    drafter, engine = given_drafter()
    steps: list = []
    engine.in_decode = steps.append
    guess(drafter, (given_shadow(list(b"one")), 3), (given_shadow(list(b"two")), 1))
    assert [len(slices) for slices in steps] == [2, 1, 1]


def test_wrong_guesses_are_taken_back_before_the_next() -> None:
    drafter, engine = given_drafter()
    tokens = list(b"hello")
    shadow = given_shadow(tokens)
    guess(drafter, (shadow, 4))
    tokens += [shadow.propose(1)[0], ord("!")]
    guess(drafter, (shadow, 2))
    assert shadow.propose(9) == continued(tokens, 2)
    assert engine.used_cells == len(tokens) + 1


def test_long_prompt_is_followed_in_chunks() -> None:
    drafter, _ = given_drafter()
    shadow = given_shadow(list(b"x" * 36))
    assert [drafter.catch_up([shadow], 16, beside=[shadow]) for _ in range(4)] == [16, 16, 3, 0]
    assert shadow.num_lacking == 1


def test_ended_sequence_leaves_no_cells() -> None:
    drafter, engine = given_drafter()
    shadow = given_shadow(list(b"hello"))
    guess(drafter, (shadow, 3))
    drafter.forget(shadow)
    assert engine.used_cells == 0 and shadow.propose(1) == []


def test_who_was_longest_not_asked_for_makes_way() -> None:
    drafter, _ = given_drafter()
    first, second, third = (given_shadow(list(text)) for text in (b"one", b"two", b"three"))
    for shadow in (first, second, first, third):
        guess(drafter, (shadow, shadow.num_foretold + 1))
    assert second.num_held == 0 and first.num_held and third.num_held


def test_sequence_too_long_for_its_cells_takes_nobodys() -> None:
    drafter, _ = given_drafter()
    short, long = given_shadow(list(b"hello")), given_shadow(list(b"x" * 45))
    guess(drafter, (short, 1))
    assert drafter.catch_up([long], 32, beside=[long]) == 0 and short.num_held
    assert long.is_shunned and not short.is_shunned


def test_sequence_that_outgrows_its_cells_gives_them_back() -> None:
    drafter, engine = given_drafter()
    tokens = list(b"x" * 33)
    shadow = given_shadow(tokens)
    drafter.catch_up([shadow], 32, beside=[shadow])
    assert guess(drafter, (shadow, 7)) == 7
    tokens += b"x" * 8
    assert guess(drafter, (shadow, 8)) == 0 and engine.used_cells == 0


def test_tokens_that_the_model_or_the_draft_does_not_know_stop_all_guessing() -> None:
    engine = FakeEngine(SETTINGS, answer_length=1)  # says END at once
    narrow = Drafter(engine, END)
    shadow, foreign = given_shadow(list(b"hello")), Shadow([VOCABULARY], VOCABULARY, Trust())
    guess(narrow, (shadow, 3), (foreign, 3))
    assert not shadow.propose(1) and not foreign.propose(1) and foreign.num_held == 0
    assert guess(narrow, (shadow, 3)) == 0


def test_nothing_is_guessed_beyond_an_end() -> None:
    drafter, _ = given_drafter(answer_length=1)
    shadow = given_shadow(list(b"hello"))
    assert guess(drafter, (shadow, 5)) == 1 and shadow.propose(9) == [END]


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 4), st.lists(st.sampled_from(b"ab"), max_size=6)),
        max_size=30,
    )
)
def test_any_order_of_sequences_keeps_lanes_and_cells_in_order(
    steps: list[tuple[int, int, list[int]]],
) -> None:
    drafter, engine = given_drafter()
    texts = [list(b"a" * 3 * (index + 1)) for index in range(4)]
    shadows = [given_shadow(tokens) for tokens in texts]
    for index, count, come in steps:
        pair = [shadows[index], shadows[(index + count) % 4]][: 1 + (count != 4)]
        drafter.catch_up(pair, 16, beside=pair)
        drafter.guess([(shadow, count) for shadow in pair], beside=pair)
        assert engine.used_cells <= 48
        texts[index] += come
        for tokens, shadow in zip(texts, shadows, strict=True):
            if foretold := shadow.propose(9):
                assert foretold == continued(tokens, len(foretold))
