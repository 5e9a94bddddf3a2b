"""JSON schemas by chance, of the subset that llguidance enforces in full; what fits them is always finite.

Must stay a strategy: no model, no grammar. Called by tests of constraints.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]
_NAMES = st.text('abcé "\\', min_size=1, max_size=4)
_SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5)


def schemas() -> st.SearchStrategy[Schema]:
    return st.recursive(
        _leaves(), lambda inner: _arrays(inner) | _objects(inner) | _unions(inner), max_leaves=5
    )


def _leaves() -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"type": ["null", "boolean"]}]),
        st.builds(lambda text: {"const": text}, _SCALARS),
        st.builds(lambda values: {"enum": values}, st.lists(_SCALARS, min_size=1, max_size=3)),
        st.builds(_integers, st.integers(-1000, 1000), st.integers(0, 500)),
        st.builds(_strings, st.integers(0, 3), st.integers(0, 5)),
        st.sampled_from(
            [{"type": "string", "pattern": "^[a-f]{2,4}$"}, {"type": "string", "format": "date"}]
        ),
    )


def _integers(least: int, span: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": least + span}


def _strings(least: int, span: int) -> Schema:
    return {"type": "string", "minLength": least, "maxLength": least + span}


def _arrays(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.builds(
        lambda items, least, span: {
            "type": "array",
            "items": items,
            "minItems": least,
            "maxItems": least + span,
        },
        inner,
        st.integers(0, 2),
        st.integers(0, 2),
    )


def _objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    def build(properties: dict[str, Schema], num_required: int) -> Schema:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties)[:num_required],
            "additionalProperties": False,
        }

    return st.builds(build, st.dictionaries(_NAMES, inner, max_size=3), st.integers(0, 3))


def _unions(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner)
