"""How set-up fails: with one sentence that says what to do next.

Must never end in a traceback for something that a user's machine can cause.
Called by every step, and by the scripts that run them.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable


class SetupError(Exception):
    """One sentence: what is wrong, and what to do about it."""


def exit_code_of(step: Callable[[], None]) -> int:
    """Runs a step; what can go wrong on a user's machine becomes a sentence on stderr."""
    try:
        step()
    except SetupError as error:
        return _say(str(error))
    except KeyboardInterrupt:
        return _say("interrupted; run it again to go on", 130)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _say(f"the disk is full while writing {error.filename or 'a file'}; free some space")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return _say(f"may not write {error.filename}; check whose it is")
        raise
    return 0


def _say(sentence: str, code: int = 1) -> int:
    print(f"\nhob set-up: {sentence}", file=sys.stderr)
    return code
