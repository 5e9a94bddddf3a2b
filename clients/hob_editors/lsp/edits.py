"""What is asked of a model about a selection, and what becomes of the text with its answer.

Must stay pure. Called by editing.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hob_editors.lsp.documents import Document, Place, without_end
from hob_editors.lsp.trimming import unfenced

MAX_SELECTION = 20_000
_AROUND_LINES = 40


class Wish(StrEnum):
    EXPLAIN = "explain"
    FIX = "fix"
    DOCUMENT = "document"
    TESTS = "tests"
    RENAME = "rename"


TITLES: Mapping[Wish, str] = {
    Wish.EXPLAIN: "Explain in a comment",
    Wish.FIX: "Fix",
    Wish.DOCUMENT: "Document",
    Wish.TESTS: "Write tests",
    Wish.RENAME: "Suggest a better name",
}
_ONLY_CODE = "Answer with the code alone, in one fence, without any explanation."
_ASKS: Mapping[Wish, str] = {
    Wish.EXPLAIN: "Explain what the code does in one to five short sentences of plain text.",
    Wish.FIX: f"Correct the mistakes in the code and change nothing else. {_ONLY_CODE}",
    Wish.DOCUMENT: f"Add documentation to the code, as is usual in its language, and change nothing else. "
    f"{_ONLY_CODE}",
    Wish.TESTS: f"Write tests for the code, as is usual in its language, without the code. {_ONLY_CODE}",
    Wish.RENAME: "Find a better name for",
}
#: What begins a comment; // where nothing else is known.
_COMMENTS: Mapping[str, str] = {
    **dict.fromkeys(("python", "ruby", "perl", "r", "yaml", "toml", "sh", "bash", "zsh", "fish"), "#"),
    **dict.fromkeys(("shellscript", "elixir", "make", "makefile", "dockerfile", "nix", "julia"), "#"),
    **dict.fromkeys(("lua", "sql", "haskell", "ada", "elm"), "--"),
    **dict.fromkeys(("lisp", "clojure", "scheme", "elisp", "emacs-lisp", "ini", "asm"), ";"),
    **dict.fromkeys(("tex", "latex", "erlang", "matlab", "prolog"), "%"),
    "vim": '"',
}
_NAME = re.compile(r"[^\W\d]\w*")
NAME_PATTERN = "[A-Za-z_][A-Za-z0-9_]{2,39}"
_KEYWORDS = frozenset(
    "def class function func fn let const var local return if else for while async await pub public private "
    "static struct enum interface type import from export default void int str float bool".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was selected, in whole lines unless a name was. `old_name`: what is to be renamed."""

    start: Place
    end: Place
    text: str = field(repr=False)
    around: str = field(repr=False)
    language: str = ""
    old_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    start: Place
    end: Place
    text: str = field(repr=False)


def select(document: Document, start: Place, end: Place, wish: Wish) -> Selection | None:
    """None where there is nothing to do."""
    picked = document.between(start, end)
    first = Place(line=start.line, index=0)
    last_line = end.line - 1 if end.index == 0 and end.line > start.line else end.line
    last = Place(line=last_line, index=len(without_end(document.lines[last_line])))
    text = document.between(first, last)
    if not text.strip() or len(text) > MAX_SELECTION:
        return None
    old_name = _name_in(picked or text) if wish == Wish.RENAME else ""
    if wish == Wish.RENAME and not old_name:
        return None
    above = document.lines[max(0, first.line - _AROUND_LINES) : first.line]
    return Selection(
        start=first,
        end=last,
        text=text,
        around="".join(above),
        language=document.language,
        old_name=old_name,
    )


def _name_in(text: str) -> str:
    return next((name for name in _NAME.findall(text) if name not in _KEYWORDS and len(name) > 1), "")


def messages(wish: Wish, selection: Selection) -> list[dict[str, str]]:
    """The conversation that asks for it."""
    ask = _ASKS[wish]
    if wish == Wish.RENAME:
        ask = f"{ask} `{selection.old_name}` in the code. Answer with the name alone."
    _, code = dedent(selection.text)
    parts = [f"```{selection.language}\n{code}\n```"]
    if selection.around.strip():
        parts.insert(0, f"What stands before it in the file:\n```\n{selection.around}```\n\nThe code:")
    system = f"You edit {selection.language or 'text'} for somebody who knows it. {ask}"
    return [{"role": "system", "content": system}, {"role": "user", "content": "\n".join(parts)}]


def edits(wish: Wish, selection: Selection, answer: str, document: Document) -> list[Edit]:
    """What the answer makes of the text; empty if it makes nothing of it."""
    indent, _ = dedent(selection.text)
    if wish == Wish.RENAME:
        return _renamed(selection, answer.strip().strip("`\"'"), document)
    said = answer.strip() if wish == Wish.EXPLAIN else fenced_code(answer)
    if not said.strip():
        return []
    if wish == Wish.EXPLAIN:
        text = comment(said, indent, selection.language)
        return [Edit(start=selection.start, end=selection.start, text=text)]
    if wish == Wish.TESTS:
        last = len(document.lines) - 1
        end = Place(line=last, index=len(document.lines[last]))
        return [Edit(start=end, end=end, text=f"\n\n{said.rstrip()}\n")]
    text = reindent(said, indent)
    return [] if text == selection.text else [Edit(start=selection.start, end=selection.end, text=text)]


def fenced_code(answer: str) -> str:
    """The first fence's content, wherever it stands; the whole answer where there is none."""
    begin = re.search(r"^\s*```", answer, re.MULTILINE)
    return unfenced(answer[begin.start() :] if begin else answer).strip("\r\n")


def dedent(text: str) -> tuple[str, str]:
    """What every line that is not blank begins with, and the text without it."""
    lines = text.split("\n")
    indents = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    shared = min(indents, key=len, default="")
    while shared and not all(indent.startswith(shared) for indent in indents):
        shared = shared[:-1]
    return shared, "\n".join(line[len(shared) :] if line.strip() else line.strip(" \t") for line in lines)


def reindent(text: str, indent: str) -> str:
    _, bare = dedent(text)
    return "\n".join(indent + line if line.strip() else line for line in bare.split("\n"))


def comment(said: str, indent: str, language: str) -> str:
    """Lines of a comment, no longer than people read."""
    mark = _COMMENTS.get(language, "//")
    lines: list[str] = []
    for paragraph in said.splitlines():
        line = ""
        for word in paragraph.split():
            if line and len(line) + len(word) > 90:
                lines.append(line)
                line = ""
            line = f"{line} {word}" if line else word
        lines.append(line)
    return "".join(f"{indent}{mark} {line}".rstrip() + "\n" for line in lines)


def _renamed(selection: Selection, new: str, document: Document) -> list[Edit]:
    """The name wherever the selection has it, as a word of its own."""
    if not _NAME.fullmatch(new) or new == selection.old_name:
        return []
    word = re.compile(rf"(?<!\w){re.escape(selection.old_name)}(?!\w)")
    found: list[Edit] = []
    for line in range(selection.start.line, selection.end.line + 1):
        for match in word.finditer(document.lines[line]):
            at = Place(line=line, index=match.start())
            found.append(Edit(start=at, end=Place(line=line, index=match.end()), text=new))
    return found
