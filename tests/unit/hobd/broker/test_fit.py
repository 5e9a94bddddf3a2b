"""Plans fit, say what there is less of, and take no more away than they must."""

from __future__ import annotations

from dataclasses import replace

from hobd.broker.account import RAM, Account, Line, Purpose, totals
from hobd.broker.estimate import Gpu, Settings, estimate
from hobd.broker.fit import LEAST_CONTEXT, lacking, leaving, plan
from hypothesis import given
from hypothesis import strategies as st

from tests.headers import header

MODEL = header(
    layers=8, tensors={"attn_k.weight": (64, 640), "attn_v.weight": (64, 640)}, context_length=8192
)
ASKED = Settings(num_lanes=4, stash_bytes=100_000_000)
GPU = replace(ASKED, gpus=(Gpu(name="gpu0", free_bytes=1 << 30),))


def needed(settings: Settings = ASKED) -> int:
    return totals(estimate(MODEL, settings))[RAM]


def holding(num_bytes: int) -> Account:
    return (Line(device=RAM, purpose=Purpose.WEIGHTS, num_bytes=num_bytes),)


def test_what_fits_is_left_as_it_was_asked_for() -> None:
    made = plan("m", MODEL, ASKED, {RAM: needed()})
    assert (made.settings, made.steps, made.problem) == (ASKED, (), "")


def test_what_changes_no_answer_goes_first() -> None:
    made = plan("m", MODEL, ASKED, {RAM: needed() - 1})
    assert made.settings == replace(ASKED, stash_bytes=0)
    assert made.steps == ("no prefixes kept beside the KV cache",)


def test_cells_are_rounded_before_contexts_are_cut() -> None:
    made = plan("m", MODEL, ASKED, {RAM: needed(replace(ASKED, stash_bytes=0)) - 1})
    assert made.steps[-1] == "KV cache as q8_0" and made.settings.context_tokens == 0


def test_context_is_halved_until_it_fits() -> None:
    least = replace(ASKED, stash_bytes=0, kv_type="q8_0", context_tokens=2048)
    made = plan("m", MODEL, ASKED, {RAM: needed(least)})
    assert made.steps[-1] == "context 8192 -> 2048 tokens" and made.settings.context_tokens == 2048


def test_shared_cells_go_before_any_context_does() -> None:
    made = plan(
        "m",
        MODEL,
        replace(ASKED, kv_cells=32768),
        {RAM: needed(replace(ASKED, kv_type="q8_0", stash_bytes=0))},
    )
    assert made.steps[-1] == "KV cells 32768 -> 8192" and made.settings.context_tokens == 0


def test_what_fits_at_no_size_is_refused_with_both_numbers() -> None:
    made = plan("m", MODEL, ASKED, {RAM: 9_000_000})
    assert "m needs at least " in made.problem and "models may have 9 MB" in made.problem
    assert made.settings == ASKED and made.lacks[RAM] > 0


def test_refusing_shrinks_nothing_and_names_the_cure() -> None:
    made = plan("m", MODEL, ASKED, {RAM: needed() - 1}, may_shrink=False)
    assert 'memory.when_short to "shrink"' in made.problem and made.account == estimate(MODEL, ASKED)


def test_as_many_layers_as_fit_go_to_the_gpu() -> None:
    whole = totals(estimate(MODEL, GPU))["gpu0"]
    made = plan("m", MODEL, GPU, {RAM: 10 << 30, "gpu0": whole // 2})
    assert made.settings.gpu_layers is not None and 0 < made.settings.gpu_layers < 9
    assert made.steps == (f"layers on GPUs 9 -> {made.settings.gpu_layers}",)
    more = replace(GPU, gpu_layers=made.settings.gpu_layers + 1)
    assert "gpu0" in lacking(estimate(MODEL, more), {RAM: 10 << 30, "gpu0": whole // 2})


def test_a_gpu_without_room_leaves_all_to_main_memory() -> None:
    made = plan("m", MODEL, GPU, {RAM: 10 << 30, "gpu0": 1})
    assert made.settings.gpu_layers == 0 and not made.problem


@given(ram=st.integers(0, 1 << 30), gpu=st.integers(0, 1 << 28), cells=st.integers(0, 1 << 16))
def test_a_plan_fits_or_says_why_not(ram: int, gpu: int, cells: int) -> None:
    room, asked = {RAM: ram, "gpu0": gpu}, replace(GPU, kv_cells=cells)
    made = plan("m", MODEL, asked, room)
    if made.problem:
        assert made.lacks and made.account == estimate(MODEL, asked)
    else:
        assert not lacking(made.account, room) and made.account == estimate(MODEL, made.settings)
        assert bool(made.steps) == (made.account != estimate(MODEL, asked))
        assert made.settings.context_tokens in (0, *(8192 >> n for n in range(8192 // LEAST_CONTEXT)))


def test_the_longest_idle_leave_until_there_is_room() -> None:
    idle = [("old", holding(5)), ("middle", holding(5)), ("new", holding(5))]
    assert leaving(holding(8), {RAM: 0}, idle) == ("old", "middle")
    assert leaving(holding(8), {RAM: 8}, idle) == leaving(holding(80), {RAM: 0}, idle) == ()
