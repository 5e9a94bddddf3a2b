"""Hints of a real model in a real Neovim."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon import RunningDaemon, await_true
from tests.editors.neovim import Neovim

pytestmark = pytest.mark.model


def test_starter_model_hints_and_its_hint_is_accepted(
    real_daemon: RunningDaemon, starter_model: Path, tmp_path: Path
) -> None:
    real_daemon.add_model("starter", starter_model)
    real_daemon.start()
    nvim = Neovim(real_daemon.environment, tmp_path / "nvim", settings={"debounceMs": 0, "maxTokens": 8})
    try:
        nvim.edit(tmp_path / "a.txt")
        nvim.await_state("ready")
        hint = nvim.write("The capital of France is")
        nvim.type("<Tab>")
        await_true(lambda: nvim.text == "The capital of France is" + hint, "the text with its hint")
        assert nvim.state == "no_fim"  # the starter model was never shown a gap, and that is told
    finally:
        nvim.close()
