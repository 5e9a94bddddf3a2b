"""Who is let in.

Must need no socket.
Run by pytest.
"""

from __future__ import annotations

import pytest
from hobd.door.policy import admit
from hobd.errors import NotPermitted


def test_owner_is_admitted() -> None:
    admit(1000, 1000)


@pytest.mark.parametrize(("caller_uid", "owner_uid"), [(1001, 1000), (0, 1000), (1000, 0)])
def test_other_users_and_root_are_refused(caller_uid: int, owner_uid: int) -> None:
    with pytest.raises(NotPermitted, match=rf"uid {owner_uid} .* uid {caller_uid};"):
        admit(caller_uid, owner_uid)
