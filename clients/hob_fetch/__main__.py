"""`python -m hob_fetch`: the program that dials out.

Must do nothing but begin. Started by `hob pull`.
"""

import sys

from hob_fetch.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
