"""Makes a plan of one URL of one file.

Must say aloud that nobody vouches for it, unless the user brought a digest. Called by main.py.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from hob_client.shelf.names import name_of

from hob_fetch import caution
from hob_fetch.failures import InvalidRequest
from hob_fetch.plan import Item, Plan
from hob_fetch.source_text import Source

_FRAGMENT = re.compile(r"sha256[=:]([0-9a-f]{64})")


def plan(source: Source) -> Plan:
    """`https://host/file.gguf`, with `#sha256=…` if somebody told the digest."""
    url = caution.checked(source.place)
    sha256 = ""
    if url.fragment:
        found = _FRAGMENT.fullmatch(url.fragment)
        if found is None:
            raise InvalidRequest(
                "behind the # of a URL stands sha256=… with 64 digits; mend it or leave it out"
            )
        sha256 = found[1]
    title = unquote(url.path).rpartition("/")[2]
    item = Item(kind="model", title=title or url.host, url=str(url.copy_with(fragment=None)), sha256=sha256)
    return Plan(name=name_of(title), source=caution.shown(url), items=(item,))
