"""`python -m tests.soak --seconds 600 --seed 1`: rough traffic at a real daemon, and what is left of it.

Must end with status 1 if anything is wrong. Called by `make soak`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.traffic import Soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hob-soak-") as home:
        soak = Soak(Path(home) / "home", seed=arguments.seed)
        faults = soak.run(arguments.seconds)
        print(f"{sum(soak.ends.values())} calls: {dict(soak.ends.most_common())}")
        for fault in faults:
            print(f"fault: {fault}", file=sys.stderr)
        if faults:
            print(soak.last_words, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
