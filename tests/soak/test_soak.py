"""After rough traffic nothing is left, and every call was answered or refused in words; the short form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.traffic import Soak


@pytest.mark.model
def test_rough_traffic_leaves_nothing_behind(tmp_path: Path) -> None:
    soak = Soak(tmp_path / "home", seed=7)
    assert not soak.run(seconds=30), soak.last_words
    assert soak.ends["max_tokens"] > 5, soak.ends
