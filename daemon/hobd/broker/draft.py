"""Which model shall guess for another, as its sidecar says; or why none does.

Must never refuse the model that is to be guessed for: without its draft it says the same, only slower.
Called by tenancy.py when it begins a load; carried by loading.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hobd.errors import HobError
from hobd.store.catalog import Catalog, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`name` as the sidecar has it, empty for none. Without an entry `problem` says why it cannot guess."""

    name: str = ""
    entry: Entry | None = None
    problem: str = ""

    def without(self, problem: str) -> Draft:
        """The same, found to be of no use."""
        return replace(self, entry=None, problem=problem)


def find_draft(catalog: Catalog, model: Entry) -> Draft:
    """The draft of a model, from what the catalog saw last."""
    if model.draft is None:
        return Draft()
    draft = Draft(name=model.draft)
    try:
        entry = catalog.resolve(model.draft)
    except HobError as error:
        return draft.without(error.message)
    if entry.name == model.name:
        return draft.without("it is the model itself; name a smaller one of its family in its sidecar")
    return replace(draft, entry=entry)
