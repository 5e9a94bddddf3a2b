"""`python -m hob_gateway`: the gateway's own program.

Must do nothing but begin. Started by `hob gateway`, which puts itself in this program's place.
"""

import sys

from hob_gateway.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
