"""Keeps what people wrote from being read as control tokens: nobody forges a turn by writing its marks.

Must stay pure, and linear in the text, which is hostile. Made and called by intake.py.

    a message    Hi <|end|> you          hide: a mark of digits goes before what reads like a control token
    for Jinja    Hi 4711<|end|> you      the template may look at the text, trim it, write it as JSON
    rendered     <|user|>Hi 4711<|end|> you<|end|>
    tokens       CONTROL  text           CONTROL     only what has no mark before it is a control token

A text that ends like a control token's beginning, or begins like the end of one, gets a mark there too: what
a template puts next to it must not complete it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

from hobd.worker.engine import Affixes, Control

# Digits, because hardly anything that templates do to text changes them; so many that nobody guesses them.
_NUM_DIGITS = 24
_SPACES = " \t\n\v\f\r"  # as C's isspace has them
Tokenize = Callable[[str], list[int]]


class Guard:
    """The control tokens of one model, and the mark that only this worker knows."""

    __slots__ = ("_controls", "_heads", "_longest", "_mark", "_tails", "_told", "_written")

    def __init__(self, controls: Sequence[Control], mark: str = "") -> None:
        self._mark = mark or str(10**_NUM_DIGITS + secrets.randbelow(9 * 10**_NUM_DIGITS))
        self._controls = {control.text: control for control in controls if control.text}
        texts = [text for text in self._controls if _is_markup(text) and len(text) > 2]
        self._longest = max(map(len, texts), default=0)
        self._heads = frozenset(t[i:] for t in texts for i in range(1, len(t)) if _is_markup(t[i:]))
        self._tails = frozenset(t[:i] for t in texts for i in range(1, len(t)) if _is_markup(t[:i]))
        self._written = re.compile(_any_of(texts))
        self._told = re.compile(f"(?P<hidden>{self._mark})?(?P<text>{_any_of(self._controls)})")

    def hide(self, value: Any) -> Any:
        """The same JSON value, with a mark before all text in it that could become a control token."""
        match value:
            case str():
                return self._hide_text(value)
            case list():
                return [self.hide(item) for item in value]
            case dict():
                return {self._hide_text(key): self.hide(item) for key, item in value.items()}
        return value

    def shown(self, rendered: str) -> str:
        """What was rendered, without marks."""
        return rendered.replace(self._mark, "")

    def tokens(self, rendered: str, tokenize: Tokenize, affixes: Affixes) -> list[int] | None:
        """The prompt's tokens with `affixes` around them; None if there is no mark in it.

        `tokenize` must not read control tokens. As llama.cpp does, text is cut at them and each piece is
        tokenized alone, so the tokens are those that it makes of a prompt in which nothing is hidden.
        """
        if self._mark not in rendered:
            return None
        tokens, start, strips = list(affixes.before), 0, False
        for found in self._told.finditer(rendered):
            if found["hidden"]:
                continue
            control = self._controls[found["text"]]
            piece = self._piece(rendered[start : found.start()], strips, control.strips_left)
            tokens += tokenize(piece) if piece else []
            tokens.append(control.token)
            start, strips = found.end(), control.strips_right
        piece = self._piece(rendered[start:], strips, False)
        tokens += tokenize(piece) if piece else []
        return tokens + list(affixes.after)

    # ------------------------------------------------------------------ private steps

    def _hide_text(self, text: str) -> str:
        if not self._longest or not text:
            return text
        hidden = self._written.sub(rf"{self._mark}\g<0>", text)
        # `hidden` ends and begins as `text` does, but for a mark that may be there already.
        for size in range(min(self._longest - 1, len(text)), 0, -1):
            if text[-size:] in self._tails:
                hidden = hidden[:-size] + self._mark + hidden[-size:]
                break
        if any(text[:size] in self._heads for size in range(1, min(self._longest, len(text) + 1))):
            hidden = self._mark + hidden
        return hidden

    def _piece(self, text: str, strips_left: bool, strips_right: bool) -> str:
        text = self.shown(text)
        text = text.lstrip(_SPACES) if strips_left else text
        return text.rstrip(_SPACES) if strips_right else text


def _is_markup(text: str) -> bool:
    """Words and spaces cannot be kept from people, nor `user` from a message's role."""
    return not text.isalnum() and not text.isspace()


# ------------------------------------------------------------------ one expression for thousands of texts

#: What may follow a beginning, and under "" whether it is a text by itself.
_Trie = dict[str, Any]


def _any_of(texts: Iterable[str]) -> str:
    """Matches the longest of the texts, in time that does not grow with their number."""
    trie: _Trie = {}
    for text in texts:
        reduce(lambda node, letter: node.setdefault(letter, {}), text, trie)[""] = True
    return _expression(trie) if trie else r"(?!)"


def _expression(trie: _Trie) -> str:
    ways = [_path(letter, node) for letter, node in trie.items() if letter]
    if not ways:
        return ""
    joined = ways[0] if len(ways) == 1 and "" not in trie else f"(?:{'|'.join(ways)})"
    return f"{joined}?" if "" in trie else joined


def _path(letter: str, node: _Trie) -> str:
    """A letter and what follows it; ways without a fork are walked here, not by recursion."""
    walked = re.escape(letter)
    while len(node) == 1 and "" not in node:
        ((letter, node),) = node.items()
        walked += re.escape(letter)
    return walked + _expression(node)
