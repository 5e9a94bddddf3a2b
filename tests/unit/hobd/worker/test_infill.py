"""The prompt around a gap: its layout, and what is left out when it is too long."""

from __future__ import annotations

from hobd.worker.engine import Fim
from hobd.worker.infill import cut_to_gap, lay_out
from hypothesis import given
from hypothesis import strategies as st

PREFIX, SUFFIX, MIDDLE, REPOSITORY, FILE, BOS = range(900, 906)
FIM = Fim(prefix=PREFIX, suffix=SUFFIX, middle=MIDDLE, repository=REPOSITORY, file=FILE)
texts = st.lists(st.integers(0, 99), max_size=30)


def test_layout_is_that_of_qwen_coder() -> None:
    laid = lay_out(
        FIM, before=[BOS], prefix=[1], suffix=[2], repository=[7], files=[[3, 3], [4]], path=[5], room=100
    )
    context = [REPOSITORY, 7, FILE, 3, 3, FILE, 4, FILE, 5]
    assert laid.tokens == [BOS, *context, PREFIX, 1, SUFFIX, 2, MIDDLE]
    assert (laid.num_dropped, laid.num_files_dropped) == (0, 0)


def test_alone_a_gap_needs_no_repository() -> None:
    laid = lay_out(FIM, before=[], prefix=[1], suffix=[], repository=[7], files=[], path=[5], room=100)
    assert laid.tokens == [PREFIX, 1, SUFFIX, MIDDLE]


def test_last_files_go_first() -> None:
    files = [[1] * 5, [2] * 5, [3] * 5]
    laid = lay_out(FIM, before=[], prefix=[9], suffix=[9], repository=[], files=files, path=[], room=20)
    assert 2 in laid.tokens and 3 not in laid.tokens
    assert (laid.num_dropped, laid.num_files_dropped) == (5, 1)


def test_what_is_nearest_to_the_gap_stays() -> None:
    assert cut_to_gap([1, 2, 3, 4, 5, 6], [7, 8, 9], 4) == ([4, 5, 6], [7])


@given(prefix=texts, suffix=texts, room=st.integers(0, 80))
def test_room_is_used_up_before_anything_is_cut(prefix: list[int], suffix: list[int], room: int) -> None:
    kept_prefix, kept_suffix = cut_to_gap(prefix, suffix, room)
    assert len(kept_prefix) + len(kept_suffix) == min(room, len(prefix) + len(suffix))
    assert (
        prefix[len(prefix) - len(kept_prefix) :] == kept_prefix and suffix[: len(kept_suffix)] == kept_suffix
    )


@given(prefix=texts, suffix=texts, files=st.lists(texts, max_size=5), room=st.integers(4, 120))
def test_prompt_always_fits_and_counts_what_it_left_out(
    prefix: list[int], suffix: list[int], files: list[list[int]], room: int
) -> None:
    laid = lay_out(
        FIM, before=[BOS], prefix=prefix, suffix=suffix, repository=[7], files=files, path=[5], room=room
    )
    assert len(laid.tokens) <= room and laid.tokens[-1] == MIDDLE
    given = len(prefix) + len(suffix) + sum(map(len, files))
    texts_kept = len([token for token in laid.tokens if token < 900])
    has_files = REPOSITORY in laid.tokens
    assert laid.num_dropped == given - texts_kept + 2 * has_files
