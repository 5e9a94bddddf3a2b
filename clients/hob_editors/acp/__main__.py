"""`python -m hob_editors.acp`: the agent's own program.

Must do nothing but begin. Started by `hob acp`, which puts itself in this program's place.
"""

import sys

from hob_editors.acp.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
