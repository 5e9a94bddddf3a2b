"""`python -m hob_editors.lsp`: the language server's own program.

Must do nothing but begin. Started by `hob lsp`, which puts itself in this program's place.
"""

import sys

from hob_editors.lsp.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
