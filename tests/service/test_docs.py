"""The page about the service, run under a real systemd as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, script
from tests.service.world import HOB, World

pytestmark = [pytest.mark.service, pytest.mark.slow]


def test_commands_about_the_service_work_in_their_order(world: World, tiny_model: Path) -> None:
    world.add_model(tiny_model, "smollm2")
    text = script(DOCS / "how-to" / "service.md", "systemd")
    assert text.count("hob service") >= 6
    world.run("env", f"PATH={HOB.parent}:/usr/bin:/bin", "bash", "-c", f"cd; {text}")
    assert not world.state()["is_installed"]
    world.file(world.home / ".local/share/hob/models/smollm2.gguf").unlink()
