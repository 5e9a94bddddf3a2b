"""The one error of this folder.

Must never be swallowed: a process that could not be confined as configured must end with this sentence.
Raised by every mechanism here; caught by the two programs' first functions.
"""

from __future__ import annotations


class SandboxError(Exception):
    """One sentence: which wall could not be raised, and what to do."""


class NoSuchWall(SandboxError):
    """This system has nothing to raise it with, which the configuration may accept.

    A wall that could stand and does not is another thing.
    """


#: The explicit way out, for the end of such sentences.
TO_RUN_WITHOUT = 'set security.sandbox = "none" in the configuration to run without confinement'
#: Where a system has less than Linux has.
TO_RUN_PARTIALLY = (
    'set security.sandbox = "partial" in the configuration to run with what there is, '
    'or "none" to run without'
)
