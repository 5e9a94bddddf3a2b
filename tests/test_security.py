"""Whether SECURITY.md keeps its word: each row of its table names a test, and the test is there.

Must not judge whether a control is good, only whether somebody would notice it missing.
Run by pytest.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEADING = "| who | wants | what stops it | shown by |"
NAMED = re.compile(r"`(tests/[\w/.]+)(?:::(\w+))?`")


def rows() -> list[list[str]]:
    """The cells of each threat."""
    lines = iter((ROOT / "SECURITY.md").read_text().splitlines())
    assert HEADING in lines, "SECURITY.md has lost its table"
    assert set(next(lines)) == set("|-")
    threats = [line.strip("|") for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in line.split(" | ")] for line in threats]


def named_tests(path: Path) -> set[str]:
    """Names of the tests in a file, or in all of a folder: functions, and machines that hypothesis drives."""
    files = path.rglob("test_*.py") if path.is_dir() else [path]
    found = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    return {name for node in found for name in _names(node) if name.startswith(("test_", "Test"))}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_table_has_many_rows_of_four_cells() -> None:
    assert len(rows()) > 50
    assert not [row for row in rows() if len(row) != 4 or not all(row)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1][:40])
def test_every_threat_names_a_test_that_is_there(row: list[str]) -> None:
    named = NAMED.findall(row[-1])
    assert named, f"no test shows that {row[0]} cannot come {row[1]}"
    for path, test in named:
        assert (ROOT / path).exists(), path
        assert named_tests(ROOT / path), f"{path} tests nothing"
        assert not test or test in named_tests(ROOT / path), f"{path} has no {test}"
