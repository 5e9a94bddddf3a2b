"""The real daemon, confined as ever, but with workers that are tests/fakes/worker_main.py.

Started by tests/daemon.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hobd.sandbox import enter

WORKER = Path(__file__).with_name("worker_main.py")

if __name__ == "__main__":
    confinement = enter.enter_daemon()
    from hobd.main import run

    sys.exit(run(sys.argv[1:], confinement, "", worker=(str(WORKER),)))
