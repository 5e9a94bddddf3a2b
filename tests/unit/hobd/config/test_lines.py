"""The line on which a TOML file says something.

Must be given valid TOML only.
Run by pytest.
"""

from __future__ import annotations

import pytest
from hobd.config.lines import find_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[engine]\nlanes = 1\n", 2),
        ("[engine]\r\nlanes = 1\r\n", 2),
        ("# lanes = 9\n\n[ engine ]\n  lanes=1", 4),
        ("engine.lanes = 1", 1),
        ("engine . lanes = 1", 1),
        ('["engine"]\n"lanes" = 1', 2),
        ("[models]\nlanes = 2\n[engine]\nlanes = 1", 4),
        ("[models]\n[engine]\nother = 3\nlanes = 1", 4),
        ("[models]\nx = 1\n[engine]\n# nothing\n", 3),
        ("\nengine = { lanes = 1 }", 2),
        ("[other]\nx = 1", None),
    ],
)
def test_line_of_a_key(text: str, expected: int | None) -> None:
    assert find_line(text, ("engine", "lanes")) == expected
