"""What a model takes, worked out by hand for networks small enough for that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hobd.broker.account import RAM, Account, Purpose, totals
from hobd.broker.dimensions import dimensions
from hobd.broker.estimate import Beside, Gpu, Settings, cells, estimate
from hobd.store.header import Array, Header
from hypothesis import given
from hypothesis import strategies as st

from tests.headers import header

SETTINGS = Settings(context_tokens=1024, num_lanes=4)
GPUS = (Gpu(name="gpu0", free_bytes=30), Gpu(name="gpu1", free_bytes=10))
MAMBA = {"ssm_in.weight": (64, 256)}
MAMBA_FACTS = {
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 128,
    "ssm.state_size": 16,
    "attention.head_count": 0,
    "attention.head_count_kv": 0,
}


def bytes_for(purpose: Purpose, account: Account, device: str = RAM) -> int:
    return sum(line.num_bytes for line in account if (line.purpose, line.device) == (purpose, device))


def kept(made: Header, settings: Settings = SETTINGS) -> int:
    return bytes_for(Purpose.KV_CACHE, estimate(made, settings))


def test_weights_are_all_tensors() -> None:
    made = header()
    whole = sum(tensor.num_bytes for tensor in made.tensors)
    assert bytes_for(Purpose.WEIGHTS, estimate(made, SETTINGS)) == whole


def test_dense_layers_keep_a_key_and_a_value_of_each_token() -> None:
    assert kept(header()) == 4 * 1024 * (16 + 16) * 2


def test_cells_are_rounded_up_as_llama_cpp_does() -> None:
    assert cells(dimensions(header()), replace(SETTINGS, context_tokens=1000)) == 1024
    assert cells(dimensions(header()), replace(SETTINGS, kv_cells=3000)) == 3072


def test_context_is_the_models_own_up_to_a_bound() -> None:
    chosen = Settings()
    assert cells(dimensions(header()), chosen) == 4096
    assert cells(dimensions(header(context_length=1 << 20)), chosen) == 8192


def test_q8_0_takes_34_bytes_for_32_numbers() -> None:
    wide = header(tensors={"attn_k.weight": (64, 32), "attn_v.weight": (64, 32)})
    assert kept(wide, replace(SETTINGS, kv_type="q8_0")) == 4 * 1024 * 2 * 34


def test_fused_projections_keep_what_heads_say() -> None:
    assert kept(header(tensors={"attn_qkv.weight": (64, 96)})) == kept(header())


def test_latent_attention_keeps_one_vector_for_key_and_value() -> None:
    latent = {"attn_kv_a_mqa.weight": (64, 40)}
    made = header("deepseek2", latent, **{"attention.key_length_mla": 24, "attention.kv_lora_rank": 32})
    assert kept(made) == 4 * 1024 * 40 * 2


def test_layers_that_share_what_others_kept_keep_nothing() -> None:
    assert kept(header("gemma3n", **{"attention.shared_kv_layers": 3})) == kept(header()) // 4


def test_recurrent_layers_keep_a_state_for_each_lane_whatever_the_context() -> None:
    made = header("mamba", MAMBA, **MAMBA_FACTS)
    assert kept(made) == 4 * 4 * 4 * (3 * 128 + 16 * 128)
    assert kept(made, replace(SETTINGS, context_tokens=4096)) == kept(made)


def test_hybrid_keeps_both() -> None:
    mixed = {"ssm_in.weight": (64, 256), "attn_k.weight": (64, 16), "attn_v.weight": (64, 16)}
    made = header("falcon-h1", mixed, **MAMBA_FACTS)
    assert kept(made) == kept(header()) + kept(header("mamba", MAMBA, **MAMBA_FACTS))


def test_encoder_keeps_nothing_of_a_text() -> None:
    account = estimate(header("bert"), SETTINGS)
    assert bytes_for(Purpose.KV_CACHE, account) == bytes_for(Purpose.PREFIX_CACHE, account) == 0


def test_a_wide_vocabulary_makes_rows_of_logits_only_for_tokens_that_want_them() -> None:
    few, many = (bytes_for(Purpose.COMPUTE, estimate(header(vocabulary=n), SETTINGS)) for n in (100, 300_000))
    rows = 32  # 4 lanes, each with the drafts that may follow its token
    assert many - few < 300_000 * 4 * (rows + 20) * 1.05


def test_stash_is_a_line_of_its_own() -> None:
    assert bytes_for(Purpose.PREFIX_CACHE, estimate(header(), replace(SETTINGS, stash_bytes=7))) == 7


def test_draft_and_adapters_are_lines_of_their_own() -> None:
    account = estimate(header(), SETTINGS, Beside(draft=header(layers=1), adapters=(header(layers=2),)))
    adapter = sum(tensor.num_bytes for tensor in header(layers=2).tensors)
    assert bytes_for(Purpose.DRAFT, account) > 0
    assert abs(bytes_for(Purpose.ADAPTERS, account) - adapter) < 4


def test_what_cannot_take_guesses_back_has_no_draft() -> None:
    account = estimate(header("mamba", MAMBA, **MAMBA_FACTS), SETTINGS, Beside(draft=header()))
    assert bytes_for(Purpose.DRAFT, account) == 0


def test_layers_go_to_gpus_by_what_is_free_there() -> None:
    account = estimate(header(layers=7), replace(SETTINGS, gpus=GPUS))
    assert [bytes_for(Purpose.KV_CACHE, account, name) for name in (RAM, "gpu0", "gpu1")] == [
        0,
        6 * 1024 * 64,
        1 * 1024 * 64,
    ]


def test_the_last_layers_go_to_gpus_first() -> None:
    account = estimate(header(), replace(SETTINGS, gpus=GPUS[:1], gpu_layers=2))
    assert bytes_for(Purpose.KV_CACHE, account, "gpu0") == 1024 * 64  # one layer, and the output
    assert bytes_for(Purpose.KV_CACHE, account) == 3 * 1024 * 64


def test_a_fact_of_each_layer_is_used_for_that_layer() -> None:
    heads = Array(length=4, values=(0, 2, 2, 4))
    made = header("x", {"attn_qkv.weight": (64, 96)}, **{"attention.head_count_kv": heads})
    assert [layer.key_width for layer in dimensions(made).layers] == [0, 16, 16, 32]


NUMBERS = st.one_of(st.integers(-10, 1 << 40), st.booleans(), st.text(max_size=3), st.floats())
KEYS = (
    "block_count",
    "embedding_length",
    "attention.head_count",
    "attention.head_count_kv",
    "context_length",
)
MORE = ("ssm.inner_size", "wkv.head_size", "shortconv.l_cache", "expert_count", "attention.sliding_window")


@given(facts=st.dictionaries(st.sampled_from((*KEYS, *MORE)), NUMBERS), lanes=st.integers(1, 256))
def test_no_header_makes_it_fail_or_less_than_nothing(facts: dict[str, object], lanes: int) -> None:
    settings = Settings(num_lanes=lanes, gpus=GPUS)
    for account in (
        estimate(header(**facts), settings),
        estimate(Header(facts={}, tensors=(), file_bytes=0), settings),
    ):
        assert all(line.num_bytes > 0 for line in account)


@given(
    small=st.integers(256, 4096),
    more=st.integers(0, 4096),
    lanes=st.integers(1, 200),
    layers=st.integers(1, 12),
)
def test_more_context_never_takes_less(small: int, more: int, lanes: int, layers: int) -> None:
    one, other = (
        sum(totals(estimate(header(layers=layers), Settings(context_tokens=n, num_lanes=lanes))).values())
        for n in (small, small + more)
    )
    assert one <= other


@pytest.mark.parametrize("gpu_layers", range(7))
def test_no_byte_is_lost_between_devices(gpu_layers: int) -> None:
    alone, split = (
        estimate(header(), replace(SETTINGS, gpus=gpus, gpu_layers=gpu_layers)) for gpus in ((), GPUS)
    )
    for purpose in (Purpose.WEIGHTS, Purpose.KV_CACHE):
        both = [
            sum(line.num_bytes for line in account if line.purpose is purpose) for account in (alone, split)
        ]
        assert both[0] == both[1]
