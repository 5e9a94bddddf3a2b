"""Makes a hint of what a model wrote: nothing that stands after the gap already, and no more than was asked.

Must stay pure. Called by hinting.py.
"""

from __future__ import annotations

import re

from hob_editors.lsp.documents import Gap
from hob_editors.lsp.hints import Hint

_CLOSING = {")": "(", "]": "[", "}": "{"}
_QUOTES = "\"'`"
_CLOSERS = frozenset(")]}>;,: \t" + _QUOTES)
_OPENERS = re.compile(r"([({\[:]|=>|->|\b(do|then|else|begin))\s*$")
_FENCE = re.compile(r"^\s*```[^\n]*\n(.*?)(?:\n?```.*)?$", re.DOTALL)
# Small models go round in circles. Who means to write the same five times writes numbers, or a ruler.
_CIRCLE = re.compile(r"(?P<round>.{3,80}?)(?P=round){4,}", re.DOTALL)
MAX_LINES = 16
_MOST_ECHOED, _LEAST_ECHOED = 8, 4  # lines, and characters that make them no coincidence


def wants_many_lines(gap: Gap, setting: str) -> bool:
    """Whether a hint may go past the end of its line. `setting`: always, never, or auto."""
    if gap.line_after.strip() and not is_closing(gap.line_after):
        return False  # in the middle of a line: what follows would be torn from it
    if setting != "auto":
        return setting == "always"
    return not gap.line_before.strip() or bool(_OPENERS.search(gap.line_before))


def is_closing(text: str) -> bool:
    """Whether it is what editors put after the cursor by themselves."""
    return all(character in _CLOSERS for character in text)


def trim(answer: str, gap: Gap, *, many_lines: bool) -> Hint:
    """The hint that an answer is; its text is empty if nothing is left of it."""
    text = without_circle(without_echo(unfenced(answer).replace("\r\n", "\n"), gap.before))
    if not many_lines:
        text = text.split("\n", 1)[0]
    else:
        text = "\n".join(text.split("\n")[:MAX_LINES])
        text = _before_repetition(text, gap.after)
    num_replaced = 0
    overlap = overlap_with(text, gap.after)
    if overlap:
        text = text[: len(text) - overlap]
    elif makes_good(text, gap.line_after):
        num_replaced = len(gap.line_after)
    text = text.rstrip()
    return Hint(text=text, num_replaced=num_replaced) if text.strip() else Hint(text="")


def unfenced(answer: str) -> str:
    """Models that answer in a chat put code into a fence."""
    fenced = _FENCE.match(answer)
    return fenced[1] if fenced else answer


def without_echo(text: str, before: str) -> str:
    """What comes after the lines before the gap, where a model repeats them first."""
    lines = before.split("\n")
    for count in range(min(len(lines), _MOST_ECHOED), 0, -1):
        said = "\n".join(lines[-count:]).lstrip()
        if len(said.strip()) >= _LEAST_ECHOED and text.lstrip().startswith(said):
            return text.lstrip()[len(said) :]
    return text


def without_circle(text: str) -> str:
    """What comes before the model goes round in circles: of equal lines the first, of a line nothing."""
    found = next((each for each in _CIRCLE.finditer(text) if _has_letter(each["round"])), None)
    if found is None:
        return text
    before, _, _ = text[: found.start()].rpartition("\n")
    return text[: found.end("round")] if "\n" in found["round"] else before


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)


def overlap_with(text: str, after: str) -> int:
    """How many characters at the end of the text stand after the gap already.

    Closing brackets count only as far as the text itself did not open them: in `print(|)`, `foo()` is whole.
    """
    for size in range(min(len(text), len(after)), 0, -1):
        shared = after[:size]
        if not shared.strip() or not text.endswith(shared):
            continue
        if not is_closing(shared) or len(shared.strip()) <= len(unopened(text)):
            return size
    return 0


def makes_good(text: str, line_after: str) -> bool:
    """Whether the text closes itself what the editor closed in advance, so that it takes its place."""
    closed = line_after.strip()
    if not closed or not is_closing(closed):
        return False
    return unopened(text.split("\n", 1)[0]).startswith(closed)


def unopened(text: str) -> str:
    """The closing brackets and quotes in a text that nothing in it opened."""
    opened: list[str] = []
    alone: list[str] = []
    for character in text:
        if character in "([{":
            opened.append(character)
        elif character in _CLOSING:
            if opened and opened[-1] == _CLOSING[character]:
                opened.pop()
            elif not opened:
                alone.append(character)
    quotes = [quote for quote in _QUOTES if text.count(quote) % 2]
    return (
        "".join(quotes + alone) if quotes and text.find(quotes[0]) < _first(text, alone) else "".join(alone)
    )


def _first(text: str, alone: list[str]) -> int:
    return text.find(alone[0]) if alone else len(text)


def _before_repetition(text: str, after: str) -> str:
    """What comes before the model begins to write what follows the gap anyway."""
    following = next((line.rstrip() for line in after.split("\n")[1:] if len(line.strip()) > 3), None)
    kept: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if number and following is not None and line.rstrip() == following:
            break
        kept.append(line)
    return "\n".join(kept)


def first_word(text: str) -> str:
    """What "accept the next word" takes."""
    found = re.match(r"\s*(\w+|[^\w\s]+)", text)
    return found[0] if found else text


def first_line(text: str) -> str:
    """What "accept the next line" takes: up to its end, or the whole next one when nothing is before it."""
    found = re.match(r"\n?[^\n]*", text)
    return found[0] if found else text
