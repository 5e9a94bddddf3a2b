"""What must stay true of the whole repository, whichever part of it changes.

Must not know what a part does, only how the parts may look and lean on each other.
Called by `make check`, and with all other tests.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
FOLDERS = ("proto", "daemon", "clients", "scripts", "benchmarks", "tests", "requirements", "packaging")
GENERATED = re.compile(r"(_pb2\.pyi?|_grpc\.py)$")
MOST_LINES = 350
VAGUE_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
# Spelled so that this file does not name what it looks for.
REGISTRY_HOSTS = re.compile(r"(pypi|pythonhosted|npmjs|crates|rubygems)\.(" + "org|com|io)")
CHECKOUT_PATHS = re.compile(r"/(work|root|home/\w+|Users/\w+)/[\w.]")


def tracked() -> Iterator[Path]:
    """The repository's own files; in an unpacked archive without git, whatever lies in its folders."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
    )
    if listing.returncode == 0:
        found = (ROOT / os.fsdecode(name) for name in listing.stdout.split(b"\0") if name)
    else:
        found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def written_modules() -> list[Path]:
    """Python that a person wrote."""
    return [path for path in tracked() if path.suffix == ".py" and not GENERATED.search(path.name)]


def generated_stubs(proto: Path) -> dict[str, str]:
    stubs = (path for path in (proto / "hob/v1").iterdir() if GENERATED.search(path.name))
    return {path.name: path.read_text() for path in stubs}


def introduces_itself(path: Path) -> bool:
    """A title and what follows from it; a package's __init__ may do with one, or hold nothing at all."""
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text)) or ""
    if path.name == "__init__.py":
        return bool(docstring) or not text.strip()
    return len(docstring.splitlines()) >= 3


def mentions(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in paths
        for found in pattern.finditer(path.read_text(errors="replace"))
    ]


def test_imports_point_the_way_the_contracts_say() -> None:
    told = subprocess.run([BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


def test_nobody_but_the_part_that_dials_has_the_means_to() -> None:
    """Modules that import contracts cannot name. The gateway's check asks the gateway itself."""
    dialling = re.compile(
        r"^\s*(?:import|from) (?:urllib\.request|http\.client|http import client)", re.MULTILINE
    )
    allowed = {ROOT / "clients/hob_gateway/connecting.py"}
    parts = (ROOT / "clients", ROOT / "daemon", ROOT / "proto")
    asked = [path for path in written_modules() if any(part in path.parents for part in parts)]
    others = [path for path in asked if path not in allowed and path.parent.name != "hob_fetch"]
    assert not mentions(dialling, others)


def test_committed_stubs_are_what_the_protos_generate(tmp_path: Path) -> None:
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([ROOT / "scripts/proto", tmp_path], check=True, env=environ)
    assert generated_stubs(tmp_path) == generated_stubs(ROOT / "proto"), "run `make proto`"


def test_every_module_says_what_it_owns_what_it_must_not_do_and_who_calls_it() -> None:
    asked = [path for path in written_modules() if not path.name.startswith("test_")]
    silent = [str(path.relative_to(ROOT)) for path in asked if not introduces_itself(path)]
    assert not silent, f"give these a docstring of three sentences: {', '.join(silent)}"


def test_no_file_grows_past_one_owner() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in written_modules()}
    assert not {path: count for path, count in lines.items() if count > MOST_LINES}, "look for two owners"


def test_no_module_has_a_vague_name() -> None:
    assert not [path for path in written_modules() if path.stem in VAGUE_NAMES]


def test_only_the_fronts_of_programs_print() -> None:
    calls = re.compile(r"^\s*print\(", re.MULTILINE)
    behind = [
        path for path in written_modules() if path.name not in {"main.py", "__main__.py", "starting.py"}
    ]
    assert not mentions(calls, [path for path in behind if ROOT / "daemon" in path.parents])


def test_no_file_names_a_registry_or_a_checkout() -> None:
    texts = [path for path in tracked() if not GENERATED.search(path.name)]
    assert not mentions(REGISTRY_HOSTS, texts)
    assert not mentions(CHECKOUT_PATHS, texts)


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.lock")), ids=lambda path: path.stem)
def test_lock_pins_every_package_by_hash_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"https?:|\.org|\.com|pypi|find-links|index-url", text)
    for pinned in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+ ", pinned) and "--hash=sha256:" in pinned, pinned


def test_lock_and_project_agree_on_the_engine() -> None:
    engine = re.search(r"llama-cpp-python==[\d.]+", (ROOT / "pyproject.toml").read_text())
    assert engine and (ROOT / "requirements/engine.lock").read_text().startswith(f"{engine[0]} ")
