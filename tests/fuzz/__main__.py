"""`python -m tests.fuzz`: a long run, or one case again.

Must end with an error when anything was found. Called by people and by `make fuzz`.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
# Where pytest finds what writes encoders.
sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from tests.fuzz import campaign
from tests.fuzz.case import Case, read
from tests.fuzz.house import House
from tests.fuzz.requests import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other requests")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no more after so long")
    parser.add_argument("--replay", type=Path, nargs="*", help="send what these files say instead")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="where failing requests go")
    chosen = parser.parse_args()
    numbers = range(chosen.first, chosen.first + chosen.requests)
    drawn = (draw(chosen.seed, number) for number in numbers)
    counted, began = itertools.count(), time.monotonic()

    def cases() -> Iterator[Case]:
        for case in map(read, chosen.replay) if chosen.replay else drawn:
            if time.monotonic() - began > chosen.seconds:
                return
            next(counted)
            yield case

    with tempfile.TemporaryDirectory() as home, House(Path(home) / "home") as house:
        found = campaign.run(house, cases(), told=campaign.keep(chosen.out))
    print(f"{next(counted)} requests in {time.monotonic() - began:.0f} s: {found} findings")
    return 1 if found else 0


raise SystemExit(main())
