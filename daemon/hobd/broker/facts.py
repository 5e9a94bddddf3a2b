"""What a header says of its model, in words for people.

Must stay pure, and tell no more of a file's texts than fits a line of a terminal. Called by api/models.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from hobd.broker.dimensions import Dimensions, dimensions
from hobd.store.header import Header

_MOST_CHARACTERS = 120


def describe(header: Header) -> list[tuple[str, str]]:
    """Names and values, the most telling first; what a header does not say is left out."""
    told = (*_identity(header), *_network(dimensions(header)), *_words(header))
    return [(name, shown) for name, value in told if (shown := _shown(value))]


def _identity(header: Header) -> Iterator[tuple[str, str]]:
    yield "name", header.text("general.name")
    yield "architecture", header.architecture
    yield "parameters", _count(sum(math.prod(tensor.shape) for tensor in header.tensors))
    yield "weights written as", _kinds(header)
    yield "license", header.text("general.license")
    yield "made by", header.text("general.organization")


def _network(sizes: Dimensions) -> Iterator[tuple[str, str]]:
    yield "context it was trained for", f"{sizes.trained_tokens} tokens" if sizes.trained_tokens else ""
    yield "layers", f"{len(sizes.layers)} of width {sizes.width}, {sizes.heads} heads"
    yield "experts", f"{sizes.experts_used} at work for each token" if sizes.experts_used else ""
    yield "memory of a text", _memory(sizes)
    yield "sliding window", f"{sizes.window} tokens" if sizes.window else ""


def _memory(sizes: Dimensions) -> str:
    if not sizes.has_memory:
        return "none: it reads a text whole and makes vectors"
    each = sum(2 * (layer.key_width + layer.value_width) for layer in sizes.layers)
    states = sum(4 * layer.state_size for layer in sizes.layers)
    parts = [
        f"{each / 1000:.1f} KB a token" if each else "",
        f"{states / 1e6:.1f} MB a lane" if states else "",
    ]
    return " and ".join(part for part in parts if part)


def _words(header: Header) -> Iterator[tuple[str, str]]:
    words = header.length("tokenizer.ggml.tokens")
    yield "vocabulary", f"{words} tokens ({header.text('tokenizer.ggml.model')})" if words else ""
    yield "chat template", _template(header.text("tokenizer.chat_template"))


def _template(text: str) -> str:
    """What can be told without running it."""
    if not text:
        return "none"
    knows = [word for word in ("tools", "system", "documents", "enable_thinking") if word in text]
    return f"{len(text)} characters" + (f"; mentions {', '.join(knows)}" if knows else "")


def _kinds(header: Header) -> str:
    """The types of most of its bytes."""
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        sizes[tensor.kind] = sizes.get(tensor.kind, 0) + tensor.num_bytes
    whole = sum(sizes.values())
    most = sorted(sizes.items(), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{kind} {size / whole:.0%}" for kind, size in most if size * 100 >= whole)


def _count(number: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_CHARACTERS])
