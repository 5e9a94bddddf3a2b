"""What of Windows' walls is plain numbers: the limits of a job, and how much memory they are.

Must not need a Windows; tests/windows has what Wine can show.
Run by pytest.
"""

from __future__ import annotations

import ctypes

from hobd.sandbox.windows import (
    ACTIVE_PROCESS,
    DIE_ON_FAULT,
    JOB_MEMORY,
    KILL_ON_CLOSE,
    ExtendedLimits,
    limits,
)
from hypothesis import given
from hypothesis import strategies as st


def test_structure_has_the_size_that_windows_checks() -> None:
    assert ctypes.sizeof(ExtendedLimits) == 144
    assert ExtendedLimits.JobMemoryLimit.offset == 120


def test_job_has_one_process_that_ends_with_it_and_dies_of_its_faults() -> None:
    wanted = limits().BasicLimitInformation
    assert wanted.LimitFlags == ACTIVE_PROCESS | DIE_ON_FAULT | KILL_ON_CLOSE
    assert wanted.ActiveProcessLimit == 1


@given(st.integers(1, 2**63))
def test_memory_is_bounded_by_the_byte(most_bytes: int) -> None:
    wanted = limits(most_bytes=most_bytes)
    assert wanted.JobMemoryLimit == most_bytes
    assert wanted.BasicLimitInformation.LimitFlags & JOB_MEMORY
