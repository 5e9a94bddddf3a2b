"""The real daemon on Windows' Python, with workers that are worker_main.py.

Must never be what a user starts. Started by tests through Wine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hobd.sandbox import enter
from hobd.sandbox.failure import SandboxError

WORKER = Path(__file__).with_name("worker_main.py")

if __name__ == "__main__":
    failure = ""
    try:
        enter.be_private()
        enter.enter_daemon()
    except SandboxError as error:
        failure = str(error)
    from hobd.main import run

    sys.exit(run(sys.argv[1:], None, failure, worker=(str(WORKER),)))
