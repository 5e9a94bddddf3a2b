"""`hobd`: the first lines confine the process, before anything else is imported.

Must import nothing but the confinement until it holds. Started by users, by service managers and by
clients that find no daemon.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from hobd.sandbox import enter
from hobd.sandbox.failure import NoSuchWall, SandboxError


def main() -> None:
    """The console script. Exits with a status of main.py's table."""
    failure, is_lacking = "", False
    confinement = None
    try:
        enter.be_private()
        confinement = enter.enter_daemon()
    except SandboxError as error:
        # Only the configuration may say that running without is meant; it is read next.
        failure, is_lacking = str(error), isinstance(error, NoSuchWall)

    try:
        from hobd.main import run
    except ModuleNotFoundError as error:
        if (error.name or "hobd").startswith("hobd"):
            raise
        _refuse(f"{error.name} is missing here; install all of hobd with `pip install 'hob[daemon,engine]'`")
    sys.exit(run(sys.argv[1:], confinement, failure, is_lacking=is_lacking))


def _refuse(sentence: str) -> NoReturn:
    """As starting.py would say it, whose own imports may be what is missing."""
    print(f"hobd: {sentence}", file=sys.stderr)
    with suppress(ValueError, IndexError, OSError):  # nobody waits to hear
        os.write(int(sys.argv[sys.argv.index("--ready-fd") + 1]), f"error {sentence}\n".encode())
    sys.exit(1)


if __name__ == "__main__":
    main()
