"""The site is built from the checkout alone, is whole, and loads nothing from anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hob_cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
_LOADS = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(https?:)?//|<link[^>]*\shref=\"(https?:)?//[^>]*stylesheet"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 12
    assert [page.name for page in pages if _LOADS.search(page.read_text())] == []


def test_every_command_is_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "commands.html").read_text()
    assert [name for name in COMMANDS if f"hob {name}" not in text] == []


def test_every_rpc_is_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "protocol.html").read_text()
    rpcs = re.findall(
        r"rpc (\w+)\(", "".join(path.read_text() for path in (ROOT / "proto/hob/v1").glob("*.proto"))
    )
    assert len(rpcs) > 20 and [rpc for rpc in rpcs if f"<code>{rpc}</code>" not in text] == []
