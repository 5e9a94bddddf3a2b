"""The texts that the editor has open, as it says they are, and places in them.

Must stay pure: no I/O, no clock. Keeps lines, so that a keystroke costs the same in a large file as in a
small one, and splits them where the protocol does and nowhere else. Called by server.py and hinting.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")

# What a model is shown of the file with the gap. The first line moves in strides: a prompt that began one
# line later at every new line could never be continued from the daemon's cache.
LINES_BEFORE = 192
STRIDE = 64
LINES_AFTER = 48
MAX_CHARACTERS_BEFORE = 8_000
MAX_CHARACTERS_AFTER = 2_000


def split_lines(text: str) -> list[str]:
    """Lines with their ends; the last has none. Together they are the text."""
    lines = _LINE.findall(text)
    if len(lines) > 1 and lines[-1] == "" and not lines[-2].endswith(("\n", "\r")):
        lines.pop()  # the pattern matches once more, at the very end
    return lines


def without_end(line: str) -> str:
    return line.rstrip("\r\n")


def width(character: str, encoding: str) -> int:
    """How many of the units that an editor counts in a character takes."""
    code = ord(character)
    if encoding == "utf-8":
        return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    return 2 if encoding == "utf-16" and code >= 0x10000 else 1


def index_of(line: str, units: int, encoding: str) -> int:
    """The character at a column that the editor counted; never past the line's end."""
    line = without_end(line)
    if line.isascii() or encoding == "utf-32":
        return min(units, len(line))
    passed = 0
    for index, character in enumerate(line):
        if passed >= units:
            return index
        passed += width(character, encoding)
    return len(line)


def units_of(line: str, index: int, encoding: str) -> int:
    """The column of a character, as the editor counts."""
    return sum(width(character, encoding) for character in line[:index])


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Between two characters: a line, and how many of its characters are before."""

    line: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What is around a place, as far as a model is to see it."""

    before: str = field(repr=False)
    after: str = field(repr=False)
    line_before: str = field(repr=False)  # of the same line
    line_after: str = field(repr=False)


class Document:
    """One open text. Only `replace` changes it."""

    __slots__ = ("language", "lines", "path", "uri", "version")

    def __init__(self, *, uri: str, path: str, language: str, version: int, text: str) -> None:
        self.uri = uri
        self.path = path  # empty for a text that is no file
        self.language = language
        self.version = version
        self.lines = split_lines(text)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def place(self, line: int, units: int, encoding: str) -> Place:
        """The nearest place that there is."""
        if line >= len(self.lines):
            return Place(line=len(self.lines) - 1, index=len(without_end(self.lines[-1])))
        return Place(line=line, index=index_of(self.lines[line], units, encoding))

    def units(self, place: Place, encoding: str) -> int:
        return units_of(self.lines[place.line], place.index, encoding)

    def replace(self, start: Place, end: Place, text: str) -> Place:
        """Puts a text where another was, and says where it ends.

        A lone CR before it may become one end of line with an LF in it.
        """
        start, end = min(start, end), max(start, end)
        first = start.line
        head = self.lines[start.line][: start.index]
        if first > 0 and self.lines[first - 1].endswith("\r"):
            first -= 1
            head = self.lines[first] + head
        tail = self.lines[end.line][end.index :]
        is_last = end.line == len(self.lines) - 1
        lines = split_lines(head + text + tail)
        if not is_last and lines[-1] == "":
            lines.pop()  # where the next line begins
        self.lines[first : end.line + 1] = lines
        return self._end_of(start, text)

    def _end_of(self, start: Place, text: str) -> Place:
        *others, last = split_lines(text)
        line = min(start.line + len(others), len(self.lines) - 1)
        index = len(last) if others else start.index + len(last)
        return Place(line=line, index=min(index, len(without_end(self.lines[line]))))

    def set_text(self, text: str) -> None:
        self.lines = split_lines(text)

    def between(self, start: Place, end: Place) -> str:
        if start.line == end.line:
            return self.lines[start.line][start.index : end.index]
        middle = self.lines[start.line + 1 : end.line]
        return "".join([self.lines[start.line][start.index :], *middle, self.lines[end.line][: end.index]])

    def gap(self, place: Place) -> Gap:
        line = self.lines[place.line]
        line_before, line_after = line[: place.index], line[place.index :]
        first = max(0, (place.line - LINES_BEFORE) // STRIDE * STRIDE)
        return Gap(
            before=_last(self.lines[first : place.line], MAX_CHARACTERS_BEFORE) + line_before[-4_000:],
            after=(line_after + "".join(self.lines[place.line + 1 : place.line + 1 + LINES_AFTER]))[
                :MAX_CHARACTERS_AFTER
            ],
            line_before=line_before,
            line_after=without_end(line_after),
        )

    def chunk(self, line: int, num_lines: int) -> str:
        """The lines around one, beginning where those around its neighbours begin."""
        half = max(1, num_lines // 2)
        first = max(0, line // half * half - half // 2)
        return "".join(self.lines[first : first + num_lines])


def _last(lines: list[str], most: int) -> str:
    """Whole lines from the end, dropped in strides while they are too many characters."""
    while lines and sum(map(len, lines)) > most:
        lines = lines[STRIDE if len(lines) > STRIDE else 8 :]
    return "".join(lines)


class Documents:
    """What is open, at most so many: an editor that never closes anything must not fill memory."""

    __slots__ = ("_by_uri", "_most")

    def __init__(self, most: int = 500) -> None:
        self._by_uri: dict[str, Document] = {}
        self._most = most

    def open(self, document: Document) -> None:
        self._by_uri.pop(document.uri, None)
        self._by_uri[document.uri] = document
        while len(self._by_uri) > self._most:
            del self._by_uri[next(iter(self._by_uri))]

    def close(self, uri: str) -> Document | None:
        return self._by_uri.pop(uri, None)

    def get(self, uri: str) -> Document | None:
        return self._by_uri.get(uri)
