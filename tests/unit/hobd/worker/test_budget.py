"""Reasoning ends when its tokens are used up, and goes on alike in another worker."""

from __future__ import annotations

import pytest
from hobd.worker.budget import ReasoningSampler
from hobd.worker.dialect import choose

TEMPLATE = "</think>"
ENDING = list(b"\n</think>\n\n")


class Letters:
    """Says the alphabet, over and over; remembers what it was told."""

    fault = ""

    def __init__(self) -> None:
        self.told: list[int] = []

    def draw(self, row: int, position: int) -> int:
        return ord("a") + position % 26

    def accept(self, token: int) -> None:
        self.told.append(token)

    def close(self) -> None:
        self.told.append(-1)


def given_sampler(
    budget: int, *, inner: Letters | None = None, prompt: str = "<think>\n"
) -> ReasoningSampler:
    reader = choose(TEMPLATE).reader(prompt)
    assert reader is not None
    return ReasoningSampler(
        inner,
        inner,
        budget=budget,
        ending=ENDING,
        reader=reader,
        piece=lambda token: bytes([token]),
        greedy=lambda num_rows: [ord("g")] * num_rows,
    )


def say(sampler: ReasoningSampler, count: int, start: int = 0) -> str:
    said = []
    for position in range(start, start + count):
        said.append(sampler.draw(0, position))
        sampler.accept(said[-1])
    return bytes(said).decode()


@pytest.mark.parametrize("budget", [0, 1, 4])
def test_reasoning_ends_with_its_budget_and_the_answer_follows(budget: int) -> None:
    said = say(given_sampler(budget, inner=Letters()), budget + len(ENDING) + 3)
    assert said[budget:].startswith("\n</think>\n\n")
    assert said[:budget] + said[budget + len(ENDING) :] == "".join(
        chr(ord("a") + p % 26)
        for p in [*range(budget), *range(budget + len(ENDING), budget + len(ENDING) + 3)]
    )


def test_model_that_ends_its_reasoning_in_time_is_left_alone() -> None:
    sampler = given_sampler(20)
    for token in b"hm</think>":
        sampler.accept(token)
    assert say(sampler, 30) == "g" * 30


def test_answer_without_reasoning_is_left_alone() -> None:
    assert say(given_sampler(0, prompt=""), 5) == "g" * 5


def test_sampler_inside_learns_of_what_was_put_into_its_mouth() -> None:
    inner = Letters()
    sampler = given_sampler(1, inner=inner)
    said = say(sampler, 15)
    sampler.close()
    assert bytes(inner.told[:-1]).decode() == said and inner.told[-1] == -1


@pytest.mark.parametrize("cut", range(1, 16))
def test_resumed_answer_ends_its_reasoning_at_the_same_token(cut: int) -> None:
    whole = say(given_sampler(3, inner=Letters()), 16)
    resumed = given_sampler(3, inner=Letters())
    for token in whole[:cut].encode():
        resumed.accept(token)
    assert whole[:cut] + say(resumed, 16 - cut, cut) == whole
