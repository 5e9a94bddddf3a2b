"""The tiny model is the same every time, and its bad relatives are bad."""

from __future__ import annotations

from pathlib import Path

from tests.tiny_model import write_not_gguf, write_tiny_model, write_truncated


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_tiny_model(tmp_path / name).read_bytes() for name in ("one", "other"))
    assert one == other and len(one) < 1_000_000


def test_another_seed_gives_another_model(tmp_path: Path) -> None:
    one, other = (write_tiny_model(tmp_path / str(seed), seed=seed).read_bytes() for seed in (0, 1))
    assert one != other and len(one) == len(other)


def test_bad_files_are_bad_where_they_say(tmp_path: Path) -> None:
    assert write_truncated(tmp_path / "cut").read_bytes().startswith(b"GGUF")
    assert not write_not_gguf(tmp_path / "other").read_bytes().startswith(b"GGUF")
