"""A request's images and sounds as its prompt will have them: decoded, laid out, marked in the text.

Must never let text of a message stand for a medium: the marks are digits that nobody can guess. Made by
serve.py; called on intake's one thread.

    a message's parts   text "What is " · medium 0 · text "?"
    for the template    What is 520800?
    tokens              words · marks and views of medium 0 · words
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from hobd.worker.darkroom import Darkroom
from hobd.worker.engine import EngineError, Projector
from hobd.worker.refusal import Refusal
from hobd.worker.views import View

_NUM_DIGITS = 24
#: How a medium shows in a rendered prompt.
SHOWN = "<__media__>"
Laid = Sequence[int | View]


class Gallery:
    """`projector` None: the model neither sees nor hears; `problem` says why, if it should."""

    def __init__(self, projector: Projector | None, darkroom: Darkroom | None, problem: str = "") -> None:
        self._problem = problem
        self._projector = projector
        self._darkroom = darkroom
        self._secret = str(10**_NUM_DIGITS + secrets.randbelow(9 * 10**_NUM_DIGITS))
        self._mark = re.compile(rf"{self._secret}(\d\d)")

    @property
    def darkroom(self) -> Darkroom | None:
        """None where nobody's media are decoded."""
        return self._darkroom if self._projector is not None else None

    def lay_out(self, media: Sequence[bytes]) -> list[Laid]:
        """What each medium becomes. Raises Refusal."""
        if not media:
            return []
        if self._projector is None or self._darkroom is None:
            why = "it has no projector; put one beside it, as NAME.mmproj.gguf, and load it anew"
            if self._problem:
                why = f"its projector cannot be used: {self._problem}"
            raise Refusal("NotSupported", f"this model takes no images or sounds: {why}")
        laid: list[Laid] = []
        for number, data in enumerate(media):
            medium = self._darkroom.develop(data, self._projector.sample_rate or 16_000, f"medium {number}")
            try:
                laid.append(self._projector.lay_out(medium))
            except EngineError as error:
                raise Refusal("InvalidRequest", f"medium {number} cannot be taken: {error}") from None
        return laid

    def marked(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message as one text, with a mark for each medium."""
        content = message.get("content")
        if not isinstance(content, list):
            return message
        return message | {"content": "".join(self._text(part) for part in content)}

    def pieces(self, rendered: str) -> Iterator[str | int]:
        """Text and the numbers of media, in turn."""
        start = 0
        for found in self._mark.finditer(rendered):
            if found.start() > start:
                yield rendered[start : found.start()]
            yield int(found[1])
            start = found.end()
        if start < len(rendered):
            yield rendered[start:]

    def shown(self, rendered: str) -> str:
        return self._mark.sub(SHOWN, rendered)

    def _text(self, part: dict[str, Any]) -> str:
        return part["text"] if part["type"] == "text" else f"{self._secret}{part['number']:02}"


def views_of(tokens: Sequence[int], laid: Sequence[Laid]) -> dict[int, View]:
    """The views that a prompt still has, by the first token of each."""
    views = {view.tokens.start: view for medium in laid for view in medium if isinstance(view, View)}
    present = views.keys() & set(tokens)
    return {first: view for first, view in views.items() if first in present}


def flat(laid: Laid) -> list[int]:
    """A medium's tokens."""
    tokens: list[int] = []
    for piece in laid:
        if isinstance(piece, View):
            tokens.extend(piece.tokens)
        else:
            tokens.append(piece)
    return tokens
