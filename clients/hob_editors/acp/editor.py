"""The editor's files and terminals, in the place of this machine's own.

Must ask the editor for every byte of a file, whether read or written, and only after confinement and
exclusions have let the path pass; a terminal is given back whatever becomes of its command. Made by
session.py.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path, PurePosixPath

from acp import Client, RequestError
from acp import schema as s
from hob_client.agent.confinement import MOST_FILE_BYTES, Place
from hob_client.agent.exclusions import Exclusions
from hob_client.agent.files import Files
from hob_client.agent.values import ToolFault

_MOST_OUTPUT_BYTES = 256 << 10


def can_read(abilities: s.ClientCapabilities) -> bool:
    return bool(abilities.fs and abilities.fs.read_text_file)


def can_write(abilities: s.ClientCapabilities) -> bool:
    return bool(abilities.fs and abilities.fs.write_text_file)


class EditorFiles(Files):
    """What the editor shows, unsaved changes included. Only names come from the disk."""

    most_searched = 200  # each is a question to the editor

    def __init__(self, place: Place, exclusions: Exclusions, editor: Client, session_id: str) -> None:
        super().__init__(place, exclusions)
        self._editor = editor
        self._id = session_id

    async def _fetch(self, path: PurePosixPath) -> str:
        try:
            told = await self._editor.read_text_file(session_id=self._id, path=str(self.place.absolute(path)))
        except RequestError:
            raise ToolFault("the editor cannot read that file; list the files first") from None
        return told.content

    async def _store(self, path: PurePosixPath, text: str) -> None:
        if len(text.encode()) > MOST_FILE_BYTES:
            raise ToolFault(f"a file may have {MOST_FILE_BYTES} bytes; this one has more")
        if self.place.inside(str(path)) != path:  # swapped for a link while the person thought
            raise ToolFault("the path leads elsewhere now; nothing was written")
        try:
            await self._editor.write_text_file(
                session_id=self._id, path=str(self.place.absolute(path)), content=text
            )
        except RequestError:
            raise ToolFault("the editor cannot write that file") from None


class EditorTerminal:
    """Runs commands where the person sees them."""

    def __init__(self, editor: Client, session_id: str) -> None:
        self._editor = editor
        self._id = session_id

    async def run(self, line: list[str], folder: Path, seconds: int) -> tuple[str, int | None]:
        """A shell.Runner."""
        try:
            made = await self._editor.create_terminal(
                session_id=self._id,
                command=line[0],
                args=line[1:],
                cwd=str(folder),
                output_byte_limit=_MOST_OUTPUT_BYTES,
            )
        except RequestError:
            raise ToolFault("the editor could not run the command") from None
        try:
            return await self._watch(made.terminal_id, seconds)
        finally:
            with suppress(RequestError, ConnectionError):
                await asyncio.shield(
                    self._editor.release_terminal(session_id=self._id, terminal_id=made.terminal_id)
                )

    async def _watch(self, terminal: str, seconds: int) -> tuple[str, int | None]:
        try:
            async with asyncio.timeout(seconds):
                ended = await self._editor.wait_for_terminal_exit(session_id=self._id, terminal_id=terminal)
            told = await self._editor.terminal_output(session_id=self._id, terminal_id=terminal)
        except TimeoutError:
            raise ToolFault(f"the command took longer than {seconds} s and was ended") from None
        except RequestError:
            raise ToolFault("the editor lost the command") from None
        return told.output, ended.exit_code
