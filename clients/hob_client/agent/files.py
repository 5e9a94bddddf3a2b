"""The files of a working directory, as tools see them: read and written here, or by whoever stands in.

Must ask confinement and exclusions for every path, whoever does the reading. Used by file_tools.py;
hob_editors replaces `_fetch` and `_store` by its editor's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

from hob_client.agent import edits
from hob_client.agent.confinement import MOST_FILE_BYTES, Place
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.values import ToolFault

_MOST_SEEN = 20_000  # entries of a walk


class Files:
    """Those on this machine's disk."""

    most_searched = 2000  # files, for one search

    def __init__(self, place: Place, exclusions: Exclusions) -> None:
        self.place = place
        self._exclusions = exclusions

    def path(self, text: str) -> PurePosixPath:
        """A path that may be used. Raises ToolFault."""
        path = self.place.inside(text)
        self._exclusions.check(path, is_folder=self.place.kind(path) == "directory")
        return path

    async def read(self, path: PurePosixPath) -> str:
        text = await self._fetch(path)
        if len(text) > MOST_FILE_BYTES:
            raise ToolFault(f"the file has {len(text)} characters; at most {MOST_FILE_BYTES} are read")
        return text

    async def read_if_there(self, path: PurePosixPath) -> str | None:
        kind = self.place.kind(path)
        if kind not in ("", "file"):
            raise ToolFault("that is no plain file; name one")
        return await self.read(path) if kind else None

    async def write(self, path: PurePosixPath, text: str) -> None:
        await self._store(path, text)

    def below(self, start: PurePosixPath, pattern: str, depth: int) -> Iterator[tuple[PurePosixPath, bool]]:
        """What is in a folder and may be seen. Blocks: call it on a thread."""
        walk = self.place.walk(start)
        skips: bool | None = None
        for _ in range(_MOST_SEEN):
            try:
                path, is_folder = walk.send(skips)
            except StopIteration:
                return
            is_left_out = bool(self._exclusions.why(path, is_folder=is_folder))
            skips = is_left_out or len(path.relative_to(start).parts) >= depth
            if not is_left_out and (not pattern or _matches(path, pattern)):
                yield path, is_folder

    async def _fetch(self, path: PurePosixPath) -> str:
        return edits.decode(await asyncio.to_thread(self.place.read, path))

    async def _store(self, path: PurePosixPath, text: str) -> None:
        await asyncio.to_thread(self.place.write, path, text.encode())


def _matches(path: PurePosixPath, pattern: str) -> bool:
    return fnmatch(path.name, pattern) or fnmatch(str(path), pattern)
