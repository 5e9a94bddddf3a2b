"""Looks through a chat template for what no honest one needs.

Must never run, compile or parse one as Jinja: that is the renderer's, behind its limits; this is a look at
the text, in time that grows with its length alone. Called by vetting.py and broker/admission.py.

A clean scan proves nothing: the renderer's sandbox is what holds. A finding shows what a file was made for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hobd.store.finding import Finding

MAX_BYTES = 256 << 10
#: Turns of a loop, and of the loops in it, that a template can need.
MAX_TURNS = 1_000_000
_MAX_DEPTH = 64
_CLOSERS = {"{{": "}}", "{%": "%}"}
_OPENER = re.compile(r"\{[{%]")
# `x.__class__`, `x["__class__"]`, `x|attr("__class__")`: any name of Python's own machinery.
_DUNDER = re.compile(r"__[a-z]{2,32}__")
_FOREIGN = re.compile(r"\A[-+]?\s*(include|import|from|extends)\b")
_MACHINERY = re.compile(r"\b(lipsum|cycler|joiner)\b|\|\s*attr\b")
_RANGE = re.compile(r"\brange\s*\(([^()]{0,80})\)")
_REPEATED = re.compile(r"\*\s*(\d{6,})|\*\*\s*\d{2,}")
_NUMBER = re.compile(r"\d{1,20}")
_HIDING = re.compile("[\u202a-\u202e\u2066-\u2069\u200b\u2060]")


def scan_template(text: str) -> Iterator[Finding]:
    """One finding of a kind at most."""
    if len(text) > MAX_BYTES:
        yield _suspicious(
            "template_size", f"its chat template has {len(text)} letters, more than {MAX_BYTES}"
        )
    text = text[:MAX_BYTES]
    tags = list(_tags(text))
    yield from _reaching_out(tags)
    if (turns := _most_turns(tags)) > MAX_TURNS:
        yield _suspicious("template_loops", f"its chat template has loops of {min(turns, 10**18)} turns")
    if any(_REPEATED.search(tag) for tag in tags):
        yield _suspicious("template_size_of_text", "its chat template multiplies text or numbers by millions")
    if _HIDING.search(text):
        yield _suspicious(
            "template_hides", "its chat template has letters that hide or reorder what people see"
        )


def _reaching_out(tags: list[str]) -> Iterator[Finding]:
    for tag in tags:
        if (found := _DUNDER.search(tag)) is not None:
            what = f"its chat template reaches for {found[0]}, which is how sandboxes are left"
            yield _suspicious("template_internals", what)
            break
    if any(_MACHINERY.search(tag) for tag in tags):
        yield _suspicious(
            "template_machinery", "its chat template uses Jinja's own machinery (attr, lipsum, cycler)"
        )
    if any(_FOREIGN.search(tag) for tag in tags):
        yield _suspicious("template_files", "its chat template wants to read other templates")


def _tags(text: str) -> Iterator[str]:
    """What stands in `{{ }}` and `{% %}`; an opener without its closer ends the search for its kind."""
    at, open_kinds = 0, set(_CLOSERS)
    while open_kinds and (opener := _OPENER.search(text, at)) is not None:
        kind, at = opener[0], opener.end()
        end = text.find(_CLOSERS[kind], at) if kind in open_kinds else -1
        if end < 0:
            open_kinds.discard(kind)
            continue
        yield text[at:end]
        at = end + 2


def _most_turns(tags: list[str]) -> int:
    """What the deepest nest of loops over ranges of written numbers comes to."""
    loops, most = [1], 1
    for tag in tags:
        words = tag.strip("+- \t\r\n")
        if words.startswith("for ") and len(loops) < _MAX_DEPTH:
            loops.append(min(loops[-1] * _turns(tag), 10**18))
            most = max(most, loops[-1])
        elif words.startswith("endfor") and len(loops) > 1:
            loops.pop()
        else:
            most = max(most, loops[-1] * _turns(tag))
    return most


def _turns(tag: str) -> int:
    numbers = [int(n) for found in _RANGE.finditer(tag) for n in _NUMBER.findall(found[1])]
    return max(1, *numbers) if numbers else 1


def _suspicious(code: str, text: str) -> Finding:
    return Finding(severity="suspicious", code=code, text=text)
