"""`hobd`: the first lines confine the process, before anything else is imported.

Must import nothing but the confinement until it holds. Started by users, by service managers and by
clients that find no daemon.
"""

from __future__ import annotations

import sys

from hobd.sandbox import enter
from hobd.sandbox.failure import SandboxError


def main() -> None:
    """The console script. Exits with a status of main.py's table."""
    failure = ""
    confinement = None
    try:
        enter.be_private()
        confinement = enter.enter_daemon()
    except SandboxError as error:
        # Only the configuration may say that running without is meant; it is read next.
        failure = str(error)

    from hobd.main import run

    sys.exit(run(sys.argv[1:], confinement, failure))


if __name__ == "__main__":
    main()
