"""What is done to texts: windows of lines, replacing, finding, and differences for people.

Must stay pure, and take time in proportion to the text: what a model looks for is never a regular expression.
Used by file_tools.py and by those who show a change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from hob_client.agent.values import Change, ToolFault

MOST_LINE_CHARACTERS = 1000
_MOST_DIFF_LINES = 4000  # of both sides; difflib takes quadratic time


def decode(data: bytes) -> str:
    """Raises ToolFault for what is no text."""
    if b"\0" not in data:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    raise ToolFault("that file is no UTF-8 text; it cannot be read here")


def window(text: str, first: int, count: int) -> str:
    """Lines with their numbers, from 1, and what there is beyond them."""
    lines = text.splitlines()
    shown = lines[first - 1 : first - 1 + count]
    told = [f"{number:>6}\t{_short(line)}" for number, line in enumerate(shown, first)]
    if not shown:
        told.append(f"[the file has {len(lines)} lines]")
    elif first - 1 + len(shown) < len(lines):
        told.append(f"[{len(lines) - first + 1 - len(shown)} more lines, up to {len(lines)}]")
    return "\n".join(told)


def replace(text: str, old: str, new: str) -> str:
    """With the one place where `old` is replaced. Raises ToolFault unless there is exactly one."""
    if not old:
        raise ToolFault("old_text is empty; quote the text that is to be replaced")
    if old == new:
        raise ToolFault("old_text and new_text are the same; nothing would change")
    first = text.find(old)
    if first < 0:
        raise ToolFault("old_text is not in the file; read the file, and quote it exactly")
    if text.find(old, first + 1) >= 0:
        raise ToolFault("old_text is in the file more than once; quote more of what is around it")
    return text[:first] + new + text[first + len(old) :]


def find(text: str, wanted: str, *, ignores_case: bool) -> Iterator[tuple[int, str]]:
    """Lines that have it, by their number."""
    wanted = wanted.casefold() if ignores_case else wanted
    for number, line in enumerate(text.splitlines(), 1):
        if wanted in (line.casefold() if ignores_case else line):
            yield number, _short(line.strip())


def difference(change: Change) -> list[str]:
    """Lines as `diff -u` has them, without their newlines."""
    before = (change.before or "").splitlines()
    after = change.after.splitlines()
    names = ("/dev/null" if change.before is None else f"a/{change.path}", f"b/{change.path}")
    if len(before) + len(after) > _MOST_DIFF_LINES:
        return [f"--- {names[0]}", f"+++ {names[1]}", *_ends(before, after)]
    return list(difflib.unified_diff(before, after, *names, lineterm=""))


def counts(change: Change) -> tuple[int, int]:
    """Lines that come and lines that go."""
    lines = difference(change)[2:]
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def _ends(before: list[str], after: list[str]) -> list[str]:
    """A difference in linear time: what is between the first and the last line that differ."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    gone, come = before[start : len(before) - end], after[start : len(after) - end]
    head = f"@@ -{start + 1},{len(gone)} +{start + 1},{len(come)} @@"
    return [head, *(f"-{line}" for line in gone), *(f"+{line}" for line in come)]


def _short(line: str) -> str:
    return line if len(line) <= MOST_LINE_CHARACTERS else line[:MOST_LINE_CHARACTERS] + " [...]"
