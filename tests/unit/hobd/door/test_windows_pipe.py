"""Names and rights of Windows' pipes, as far as they are text; tests/windows has what Wine shows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hob.address import PIPE_PREFIX
from hob_client import errors as client_errors
from hob_client import windows_pipe as client_pipe
from hobd.broker.attesting import is_owners
from hobd.door import windows_pipe
from hobd.errors import DoorError
from hobd.wire.windows_pipe import owner_only
from hypothesis import given
from hypothesis import strategies as st

SID = "S-1-5-21-1-2-3-1001"
CHECKS: list[Callable[[str], object]] = [windows_pipe.check_name, client_pipe.check_name]


@pytest.mark.parametrize("check", CHECKS, ids=["daemon", "client"])
@pytest.mark.parametrize(
    "name",
    ["", "hob", "/tmp/hob.sock", PIPE_PREFIX, "\\\\box\\pipe\\hob", f"{PIPE_PREFIX}a\\b", f"{PIPE_PREFIX}\n"],
)
def test_only_a_pipe_of_this_machine_is_a_door(check: Callable[[str], object], name: str) -> None:
    with pytest.raises((DoorError, client_errors.InvalidRequest), match="no name of a local pipe"):
        check(name)


@pytest.mark.parametrize("check", CHECKS, ids=["daemon", "client"])
@given(name=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"), min_size=1))
def test_plain_names_are_taken(check: Callable[[str], object], name: str) -> None:
    if len(PIPE_PREFIX + name) <= 256:
        check(PIPE_PREFIX + name)


def test_rights_name_the_owner_and_the_system_and_are_closed_to_inheritance() -> None:
    rights = owner_only(SID)
    assert rights.startswith("D:P(")
    assert re.findall(r"\((.*?)\)", rights) == ["A;;GA;;;SY", f"A;;GA;;;{SID}"]


@pytest.mark.parametrize(
    ("rights", "held"),
    [
        (owner_only(SID), True),
        (f"D:P(A;;FA;;;SY)(A;;FA;;;{SID})", True),  # as Windows writes it for files
        (f"D:(A;;GA;;;SY)(A;;GA;;;{SID})", False),
        (f"{owner_only(SID)}(A;;GR;;;WD)", False),
        ("D:P(A;;GA;;;WD)", False),
        ("", False),
    ],
)
def test_attest_sees_rights_that_others_got(rights: str, held: bool) -> None:
    assert is_owners(rights, owner_only(SID)) is held
