"""The working directory: which files are in it, and how they are opened so that none outside ever is.

A path is resolved first and must lie inside then; the file is opened by walking there from the directory's
own descriptor, following no link, so what is swapped meanwhile is refused. Must never follow a link out.
Used by files.py; hob_editors asks `inside` before an editor is asked for a file.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from hob_client.agent.values import ToolFault
from hob_client.errors import InvalidRequest

MOST_FILE_BYTES = 1 << 20
_MOST_PATH_CHARACTERS = 4096
_TOO_WIDE = frozenset({"/", "/proc", "/sys", "/dev", "/run", "/etc"})
#: Where descriptors of directories are no good (Windows), what is swapped between check and use is not seen.
_CAN_WALK = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


class Place:
    """A working directory. Paths inside are told by PurePosixPath, relative to it; "." is itself."""

    __slots__ = ("root",)

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        if not self.root.is_dir():
            raise InvalidRequest(f"the working directory {root} is no directory; name one")
        if str(self.root) in _TOO_WIDE:
            raise InvalidRequest(f"tools do not work in {self.root}; go into the directory of a project")

    def inside(self, text: str) -> PurePosixPath:
        """Where a path leads. Raises ToolFault unless that is inside."""
        if not text or len(text) > _MOST_PATH_CHARACTERS or "\0" in text:
            raise ToolFault(f"a path must be 1 to {_MOST_PATH_CHARACTERS} characters without NUL")
        try:
            resolved = Path(os.path.realpath(self.root / text))
            return PurePosixPath(resolved.relative_to(self.root).as_posix())
        except (ValueError, OSError):  # UnicodeError is a ValueError
            raise ToolFault("that path is outside of the working directory; name one inside") from None

    def absolute(self, path: PurePosixPath) -> Path:
        return self.root / path

    def kind(self, path: PurePosixPath) -> str:
        """file, directory, other, or empty if there is nothing."""
        try:
            mode = self.absolute(path).lstat().st_mode
        except OSError:
            return ""
        return "file" if stat.S_ISREG(mode) else "directory" if stat.S_ISDIR(mode) else "other"

    def read(self, path: PurePosixPath, most_bytes: int = MOST_FILE_BYTES) -> bytes:
        """Raises ToolFault for what is no plain file, or too large."""
        with self._told(path), self._folder(path.parent) as folder:
            with open(self._open(path, folder, os.O_RDONLY), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise ToolFault("that is no plain file; name one")
                if found.st_size > most_bytes:
                    raise ToolFault(f"the file has {found.st_size} bytes; at most {most_bytes} are read")
                return file.read(most_bytes)

    def write(self, path: PurePosixPath, data: bytes) -> None:
        """In place of what was there, at once or not at all; folders are made."""
        if len(data) > MOST_FILE_BYTES:
            raise ToolFault(f"a file may have {MOST_FILE_BYTES} bytes; these are {len(data)}")
        with self._told(path), self._folder(path.parent, makes=True) as folder:
            old = self._stat(path, folder)
            if old is not None and not stat.S_ISREG(old.st_mode):
                raise ToolFault("that is no plain file; name one")
            draft = path.with_name(f".hob-{secrets.token_hex(8)}")
            try:
                with open(self._open(draft, folder, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                    file.write(data)
                    if old is not None and hasattr(os, "fchmod"):
                        os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
                self._rename(draft, path, folder)
            except BaseException:
                with suppress(OSError):
                    self._remove(draft, folder)
                raise

    def walk(self, start: PurePosixPath) -> Generator[tuple[PurePosixPath, bool], bool | None, None]:
        """What is below, by name, with whether it is a folder; a folder comes before what is in it, and sent
        True for it skips that. Links are told as files and not followed."""
        try:
            with self._folder(start) as folder:
                names = os.listdir(self.absolute(start) if folder is None else folder)
        except OSError:
            return
        for name in sorted(names):
            path = start / name
            is_folder = self.kind(path) == "directory"
            skips = yield path, is_folder
            if is_folder and not skips:
                yield from self.walk(path)

    # ------------------------------------------------------------- by descriptors, where there are some

    @contextmanager
    def _folder(self, path: PurePosixPath, *, makes: bool = False) -> Iterator[int | None]:
        """The descriptor of a folder inside, reached without a link."""
        if not _CAN_WALK:
            if makes:
                self.absolute(path).mkdir(parents=True, exist_ok=True)
            yield None
            return
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = os.open(self.root, flags)
        try:
            for part in path.parts:
                if makes:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                inner = os.open(part, flags, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _open(self, path: PurePosixPath, folder: int | None, flags: int) -> int:
        if folder is None:
            return os.open(self.absolute(path), flags | getattr(os, "O_BINARY", 0), 0o666)
        # A pipe would wait for its writer.
        return os.open(path.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666, dir_fd=folder)

    def _stat(self, path: PurePosixPath, folder: int | None) -> os.stat_result | None:
        try:
            if folder is None:
                return self.absolute(path).lstat()
            return os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _rename(self, old: PurePosixPath, new: PurePosixPath, folder: int | None) -> None:
        if folder is None:
            os.replace(self.absolute(old), self.absolute(new))
        else:
            os.replace(old.name, new.name, src_dir_fd=folder, dst_dir_fd=folder)

    def _remove(self, path: PurePosixPath, folder: int | None) -> None:
        if folder is None:
            self.absolute(path).unlink()
        else:
            os.unlink(path.name, dir_fd=folder)

    @contextmanager
    def _told(self, path: PurePosixPath) -> Iterator[None]:
        if not path.name:
            raise ToolFault("that is the working directory itself; name a file in it")
        try:
            yield
        except FileNotFoundError:
            raise ToolFault("there is no such file; list the files first") from None
        except OSError as error:
            raise ToolFault(f"that cannot be done: {error.strerror or 'the path is not usable'}") from None
