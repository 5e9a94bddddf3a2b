"""Pieces of code that were visited lately, for a model to know beside the file with the gap.

Must stay pure. The order of what stays never changes: a piece takes the place of the one that it drives out,
so that the daemon's cache of the prompt holds up to there. Called by hinting.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SAME = 0.9  # so much in common makes two pieces one


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some lines of a file. `name` is what the model sees of its path."""

    uri: str
    name: str
    text: str = field(repr=False)


def likeness(one: str, other: str) -> float:
    """From 0 to 1: how much of what is in the lines of one is in the lines of the other."""
    lines, others = set(one.split("\n")), set(other.split("\n"))
    return 2 * len(lines & others) / (len(lines) + len(others))


class Ring:
    """At most so many pieces, the one used longest ago driven out first."""

    __slots__ = ("_ages", "_most", "_pieces", "_turn")

    def __init__(self, most: int = 12) -> None:
        self._most = most
        self._pieces: list[Piece] = []
        self._ages: list[int] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self._pieces)

    def visit(self, piece: Piece) -> None:
        if not piece.text.strip():
            return
        self._turn += 1
        same = [place for place, old in enumerate(self._pieces) if likeness(old.text, piece.text) > SAME]
        for place in reversed(same[1:]):
            del self._pieces[place], self._ages[place]
        if same:
            place = same[0]
        elif len(self._pieces) < self._most:
            place = len(self._pieces)
        else:
            place = self._ages.index(min(self._ages))
        self._pieces[place : place + 1] = [piece]
        self._ages[place : place + 1] = [self._turn]

    def drop(self, uri: str) -> None:
        kept = [place for place, piece in enumerate(self._pieces) if piece.uri != uri]
        self._pieces = [self._pieces[place] for place in kept]
        self._ages = [self._ages[place] for place in kept]

    def files(self, *, besides: str, most_characters: int) -> dict[str, str]:
        """Pieces of other files by name, in their places, as many of the newest as there is room for."""
        chosen: set[int] = set()
        for place in sorted(range(len(self._pieces)), key=lambda place: -self._ages[place]):
            piece = self._pieces[place]
            most_characters -= len(piece.text)
            if most_characters < 0:
                break
            if piece.uri != besides:
                chosen.add(place)
        files: dict[str, str] = {}
        for place in sorted(chosen):
            piece = self._pieces[place]
            files[piece.name] = files.get(piece.name, "") + piece.text
        return files
