"""Which of many files is taken."""

from __future__ import annotations

import pytest
from hob_client.errors import ModelNotFound
from hob_fetch.quantisation import PREFERENCE, choose_model, choose_projector, quantisation_of
from hypothesis import given
from hypothesis import strategies as st

FILES = [f"m-{name}.gguf" for name in ("F16", "Q8_0", "Q4_K_M", "Q2_K")]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.Q4_K_M.gguf", "Q4_K_M"),
        ("a-iq3_xxs.gguf", "IQ3_XXS"),
        ("dir-Q8_0/a-bf16.gguf", "BF16"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("Qwen3-4B-UD-Q4_K_XL.gguf", "Q4_K_XL"),
        ("plain.gguf", ""),
    ],
)
def test_quantisation_is_read_from_the_name(file: str, name: str) -> None:
    assert quantisation_of(file) == name


def test_balance_is_taken_and_said() -> None:
    choice = choose_model([*FILES, "README.md", "mmproj-m-F16.gguf", "m.imatrix.gguf"])
    assert choice.file == "m-Q4_K_M.gguf" and choice.why.startswith("took Q4_K_M of F16, Q2_K, Q4_K_M, Q8_0")


def test_what_is_wanted_is_taken_or_told_of() -> None:
    assert choose_model(FILES, "Q8_0").file == "m-Q8_0.gguf"
    with pytest.raises(ModelNotFound, match="no Q5_0 there; there is F16, Q2_K"):
        choose_model(FILES, "Q5_0")


def test_model_in_several_files_is_no_choice() -> None:
    parts = [f"m-Q4_K_M-0000{at}-of-00002.gguf" for at in (1, 2)]
    assert choose_model([*parts, "m-Q2_K.gguf"]).file == "m-Q2_K.gguf"
    with pytest.raises(ModelNotFound, match="several files"):
        choose_model(parts)


def test_projector_is_of_the_models_precision_else_of_half_the_bits() -> None:
    projectors = ["mmproj-F32.gguf", "mmproj-F16.gguf", "mmproj-Q8_0.gguf"]
    assert choose_projector(projectors, "m-Q8_0.gguf") == "mmproj-Q8_0.gguf"
    assert choose_projector(projectors, "m-Q4_K_M.gguf") == "mmproj-F16.gguf"
    assert choose_projector(FILES, "m-Q4_K_M.gguf") == ""


@given(st.lists(st.sampled_from(PREFERENCE), min_size=1))
def test_choice_depends_on_no_order_and_nothing_better_is_there(names: list[str]) -> None:
    files = [f"m-{name}.gguf" for name in names]
    chosen = choose_model(files).file
    assert chosen == choose_model(sorted(files)).file == choose_model(files[::-1]).file
    assert PREFERENCE.index(quantisation_of(chosen)) == min(map(PREFERENCE.index, names))
