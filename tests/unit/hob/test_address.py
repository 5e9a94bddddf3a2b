"""Where things are on each system, told from its name and environment alone.

Must not depend on the system that runs the tests.
Run by pytest.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hob.address import PIPE_PREFIX, home_of, pipe_name
from hypothesis import assume, given
from hypothesis import strategies as st

HOME = Path("/home/ada")
WINDOWS = {"APPDATA": "/R", "LOCALAPPDATA": "/L"}


@pytest.mark.parametrize(
    ("platform", "environ", "kind", "expected"),
    [
        ("linux", {}, "config", HOME / ".config/hob"),
        ("linux", {}, "data", HOME / ".local/share/hob"),
        ("linux", {}, "state", HOME / ".local/state/hob"),
        ("darwin", {}, "config", HOME / "Library/Application Support/hob"),
        ("darwin", {}, "data", HOME / "Library/Application Support/hob"),
        ("darwin", {}, "state", HOME / "Library/Application Support/hob/state"),
        ("win32", WINDOWS, "config", Path("/R/hob")),
        ("win32", WINDOWS, "data", Path("/L/hob")),
        ("win32", WINDOWS, "state", Path("/L/hob/state")),
        ("win32", {}, "config", HOME / "AppData/Roaming/hob"),
        ("freebsd14", {}, "data", HOME / ".local/share/hob"),
    ],
)
def test_every_system_keeps_things_where_its_programs_do(
    platform: str, environ: dict[str, str], kind: str, expected: Path
) -> None:
    assert home_of(kind, platform, environ, HOME) == expected


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_variables_of_the_user_count_on_every_system(platform: str) -> None:
    assert home_of("data", platform, {"XDG_DATA_HOME": "/elsewhere"}, HOME) == Path("/elsewhere/hob")


@given(st.text(), st.text())
def test_pipe_is_named_plainly_whatever_the_user_is_called(domain: str, user: str) -> None:
    rest = pipe_name(domain, user).removeprefix(PIPE_PREFIX)
    assert rest.replace("-", "").isalnum() and rest.isascii()
    assert len(rest) <= 60


@given(st.text(), st.text())
def test_users_have_pipes_of_their_own(one: str, other: str) -> None:
    assume(one.lower() != other.lower())
    assert pipe_name("", one) != pipe_name("", other)


def test_user_has_one_pipe_however_he_writes_his_name() -> None:
    assert pipe_name("BOX", "Ada") == pipe_name("box", "ada").replace("-ada-", "-Ada-")
