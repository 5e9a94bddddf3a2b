"""The real daemon, confined as ever, but with workers that are tests/fakes/worker_main.py.

HOB_TEST_WALLS=none leaves the daemon unconfined, and so its workers where they are not walled in themselves.
HOB_TEST_BUDGET_BYTES is the memory for models; HOB_TEST_WORKERS=real keeps the real workers.
Must never be what a user starts. Started by tests/daemon.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hobd.sandbox import enter

WORKER = Path(__file__).with_name("worker_main.py")

if __name__ == "__main__":
    confinement = None if os.environ.get("HOB_TEST_WALLS") == "none" else enter.enter_daemon()
    from hobd.broker.spawning import ENGINE_WORKER
    from hobd.main import run

    worker = ENGINE_WORKER if os.environ.get("HOB_TEST_WORKERS") == "real" else (str(WORKER),)
    budget_bytes = int(os.environ.get("HOB_TEST_BUDGET_BYTES", 0))
    budget = {"ram": budget_bytes} if budget_bytes else None
    sys.exit(run(sys.argv[1:], confinement, "", worker=worker, budget=budget))
