"""The wheel: what it brings along besides code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_wheel_brings_the_units_that_are_installed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for unit in (ROOT / "packaging/systemd").iterdir():
            assert packed.read(f"hob_cli/service/packaging/systemd/{unit.name}") == unit.read_bytes()
        assert "hob_cli/service/packaging/launchd/hob.hobd.plist" in packed.namelist()
