"""The tools for files: read, list, search, edit, write. Each looks at its arguments, then waits for consent.

Must change nothing before the action is done, and then only what was shown. Used by toolbox.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from hob_client.agent import edits
from hob_client.agent.arguments import flag, number, text
from hob_client.agent.files import Files
from hob_client.agent.values import Action, Change, Kind, Spec, ToolFault

_PATH = {"type": "string", "description": "Relative to the working directory."}
_MOST_LISTED, _MOST_HITS = 500, 100
_READING = "reading files in this directory"


def _spec(name: str, kind: Kind, description: str, required: tuple[str, ...], **properties: Any) -> Spec:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return Spec(name=name, kind=kind, description=description, parameters=schema)


READ = _spec(
    "read_file",
    Kind.READ,
    "Read lines of a text file.",
    ("path",),
    path=_PATH,
    first_line={"type": "integer", "minimum": 1, "maximum": 10_000_000},
    num_lines={"type": "integer", "minimum": 1, "maximum": 2000},
)
LIST = _spec(
    "list_files",
    Kind.READ,
    "List files and folders.",
    (),
    path=_PATH,
    pattern={"type": "string", "description": "Such as *.py.", "maxLength": 200},
    depth={"type": "integer", "minimum": 1, "maximum": 20},
)
SEARCH = _spec(
    "search_files",
    Kind.READ,
    "Find the lines that contain a text.",
    ("text",),
    text={"type": "string", "minLength": 1, "maxLength": 500},
    path=_PATH,
    pattern={"type": "string", "description": "Of files to look into, such as *.py.", "maxLength": 200},
    ignore_case={"type": "boolean"},
)
EDIT = _spec(
    "edit_file",
    Kind.WRITE,
    "Replace a text that is in a file exactly once.",
    ("path", "old_text", "new_text"),
    path=_PATH,
    old_text={"type": "string", "minLength": 1},
    new_text={"type": "string"},
)
WRITE = _spec(
    "write_file",
    Kind.WRITE,
    "Write a whole file, new or in place of an old one.",
    ("path", "content"),
    path=_PATH,
    content={"type": "string"},
)
SPECS = (READ, LIST, SEARCH, EDIT, WRITE)


class FileTools:
    """Prepares actions upon files."""

    __slots__ = ("_files",)

    def __init__(self, files: Files) -> None:
        self._files = files

    async def prepare(self, spec: Spec, arguments: Mapping[str, Any]) -> Action:
        """Raises ToolFault for what cannot be done."""
        steps = {
            READ.name: self._read,
            LIST.name: self._list,
            SEARCH.name: self._search,
            EDIT.name: self._edit,
            WRITE.name: self._write,
        }
        return await steps[spec.name](arguments)

    async def _read(self, arguments: Mapping[str, Any]) -> Action:
        path = self._files.path(text(arguments, "path"))
        first = number(arguments, "first_line", 1, 10_000_000, 1)
        count = number(arguments, "num_lines", 1, 2000, 400)

        async def do() -> str:
            return edits.window(await self._files.read(path), first, count)

        return self._reading(f"read {path}", path, do)

    async def _list(self, arguments: Mapping[str, Any]) -> Action:
        path = self._files.path(text(arguments, "path", default="."))
        pattern = text(arguments, "pattern", default="", most=200)
        depth = number(arguments, "depth", 1, 20, 2)

        async def do() -> str:
            return await asyncio.to_thread(self._listing, path, pattern, depth)

        return self._reading(f"list {path}", path, do)

    def _listing(self, path: PurePosixPath, pattern: str, depth: int) -> str:
        lines: list[str] = []
        for found, is_folder in self._files.below(path, pattern, depth):
            if len(lines) == _MOST_LISTED:
                return "\n".join([*lines, f"[more than {_MOST_LISTED}; name a folder or a pattern]"])
            lines.append(f"{found}/" if is_folder else str(found))
        return "\n".join(lines) or "[nothing that may be seen]"

    async def _search(self, arguments: Mapping[str, Any]) -> Action:
        wanted = text(arguments, "text", most=500)
        path = self._files.path(text(arguments, "path", default="."))
        pattern = text(arguments, "pattern", default="", most=200)
        ignores_case = flag(arguments, "ignore_case")

        async def do() -> str:
            return await self._found(wanted, path, pattern, ignores_case)

        return self._reading(f"search {path} for {wanted!r}", path, do)

    async def _found(self, wanted: str, start: PurePosixPath, pattern: str, ignores_case: bool) -> str:
        paths = await asyncio.to_thread(self._candidates, start, pattern)
        hits: list[str] = []
        for path in paths:
            try:
                content = await self._files.read(path)
            except ToolFault:
                continue  # no text, or too large
            for line_number, line in edits.find(content, wanted, ignores_case=ignores_case):
                hits.append(f"{path}:{line_number}: {line}")
                if len(hits) == _MOST_HITS:
                    return "\n".join([*hits, f"[more than {_MOST_HITS}; look for something rarer]"])
        if len(paths) == (most := self._files.most_searched):
            hits.append(f"[only the first {most} files were searched; name a folder or a pattern]")
        return "\n".join(hits) or "[no line has it]"

    def _candidates(self, start: PurePosixPath, pattern: str) -> list[PurePosixPath]:
        if self._files.place.kind(start) == "file":
            return [start]
        found: list[PurePosixPath] = []
        for path, is_folder in self._files.below(start, pattern, 100):
            if not is_folder and self._files.place.kind(path) == "file":
                found.append(path)
            if len(found) == self._files.most_searched:
                break
        return found

    async def _edit(self, arguments: Mapping[str, Any]) -> Action:
        path = self._files.path(text(arguments, "path"))
        old, new = text(arguments, "old_text"), text(arguments, "new_text", may_be_empty=True)
        before = await self._files.read(path)
        return self._writing("edit", path, before, edits.replace(before, old, new))

    async def _write(self, arguments: Mapping[str, Any]) -> Action:
        path = self._files.path(text(arguments, "path"))
        content = text(arguments, "content", may_be_empty=True)
        before = await self._files.read_if_there(path)
        return self._writing("write", path, before, content)

    def _reading(self, title: str, path: PurePosixPath, do: Any) -> Action:
        return Action(kind=Kind.READ, title=title, scope=_READING, do=do, path=str(path))

    def _writing(self, verb: str, path: PurePosixPath, before: str | None, after: str) -> Action:
        change = Change(path=str(path), before=before, after=after)

        async def do() -> str:
            if await self._files.read_if_there(path) != before:
                raise ToolFault("the file was changed meanwhile; read it again")
            await self._files.write(path, after)
            more, fewer = edits.counts(change)
            return f"done: {path}, +{more} -{fewer} lines"

        return Action(
            kind=Kind.WRITE,
            title=f"{verb} {path}",
            scope="changing files in this directory",
            do=do,
            path=str(path),
            change=change,
        )
