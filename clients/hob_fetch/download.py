"""Brings one file, into a part that the next run goes on with, wherever this one is killed.

Must append nothing that does not belong behind what is there, as far as the host's ETag and ranges tell; the
digest of the whole has the last word, which who placed it asks. Called by main.py.

    KEY.part   the bytes so far, locked while somebody fetches
    KEY.json   what the host called them (ETag, length), written before the first byte
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from hob_client.shelf.locks import lock

from hob_fetch import web as web_module
from hob_fetch.failures import InvalidRequest, ModelUnusable, Passing
from hob_fetch.patience import Patience
from hob_fetch.plan import Item
from hob_fetch.web import Web

#: Told of bytes there are and bytes there will be.
Progress = Callable[[int, int], None]

_PAUSES_SECONDS = (0.1, 0.4, 1.0, 2.0, 0.0)
_SPARE_BYTES = 64 << 20  # a disk is not to be filled to the brim
_MAX_BYTES = 1 << 42
_RANGE = re.compile(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is kept of the host's answer. Without an `etag` nothing tells whether its file is still that."""

    etag: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    size_bytes: int
    was_resumed: bool  # it came in pieces, which may be of two files


class Download:
    """One file. `free_bytes` and `sleep` are seams."""

    def __init__(
        self,
        web: Web,
        item: Item,
        folder: Path,
        *,
        progress: Progress,
        tell: Callable[[str, float], None],
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._web, self._item, self._folder = web, item, folder
        self._progress, self._tell = progress, tell
        self._free_bytes, self._sleep = free_bytes, sleep
        self._is_in_pieces = False
        self.path = folder / f"{item.key}.part"
        self._record = folder / f"{item.key}.json"

    def run(self) -> Fetched:
        """Raises HobError; what there is by then stays for the next run."""
        with self._open_locked() as fd, full_disk(self._folder):
            patience = Patience(tell=self._tell, gained=lambda: os.fstat(fd).st_size, sleep=self._sleep)
            patience.run(lambda: self._attempt(fd))
            os.fsync(fd)
            return Fetched(size_bytes=os.fstat(fd).st_size, was_resumed=self._is_in_pieces)

    @contextmanager
    def _open_locked(self) -> Iterator[int]:
        """Nobody else writes to it meanwhile. One that was killed just now takes a moment to let go."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            for pause in _PAUSES_SECONDS:
                if _try_lock(self.path, fd):
                    break
                self._sleep(pause)
            else:
                raise InvalidRequest("another `hob pull` is fetching this file; wait for it")
            yield fd
        finally:
            os.close(fd)

    # ------------------------------------------------------------------ one attempt

    def _attempt(self, fd: int) -> None:
        """Returns once all is there."""
        done, seen = os.fstat(fd).st_size, self._seen()
        if done and not (self._item.sha256 or seen.etag):
            os.ftruncate(fd, done := 0)  # nothing would tell of another file, now or in the end
        self._is_in_pieces = done > 0
        if done and done == (self._item.size_bytes or seen.size_bytes):
            return
        with self._web.stream(self._item.url, self._headers(done, seen)) as response:
            if response.status_code == 416:
                self._not_satisfiable(fd, done, response)
                return
            web_module.require_ok(response)
            if response.status_code == 206:
                total = self._check_range(fd, done, response)
            else:
                done, total, self._is_in_pieces = 0, _length(response), False
                self._check_size(total)
                os.ftruncate(fd, 0)
                self._remember(Seen(etag=_strong(response.headers.get("etag", "")), size_bytes=total))
            self._require_room(total - done)
            self._append(fd, done, total, response)

    def _append(self, fd: int, done: int, total: int, response: httpx.Response) -> None:
        os.lseek(fd, done, os.SEEK_SET)
        self._progress(done, total)
        for piece in response.iter_raw():
            if done + len(piece) > total:
                raise ModelUnusable(
                    f"{self._item.title}: the host sends more than the {total} bytes it announced"
                )
            _write_all(fd, piece)
            done += len(piece)
            self._progress(done, total)
        if done < total:
            raise Passing(f"{self._item.title}: the line was cut at {done} of {total} bytes")

    def _headers(self, done: int, seen: Seen) -> dict[str, str]:
        headers = dict(self._item.headers)
        if done:
            headers["Range"] = f"bytes={done}-"
            if seen.etag:
                headers["If-Range"] = seen.etag
        return headers

    # ------------------------------------------------------------------ ranges

    def _check_range(self, fd: int, done: int, response: httpx.Response) -> int:
        """The length of the whole. What is there begins anew if the host speaks of another file or place."""
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        etag, seen = _strong(response.headers.get("etag", "")), self._seen()
        is_another = bool(seen.etag and etag and etag != seen.etag)
        if not done or found is None or found[1] is None or int(found[1]) != done or is_another:
            os.ftruncate(fd, 0)
            raise Passing(f"{self._item.title}: the host goes on elsewhere than asked; beginning anew")
        total = int(found[3])
        self._check_size(total)
        return total

    def _not_satisfiable(self, fd: int, done: int, response: httpx.Response) -> None:
        """There is nothing behind what we have: because that is all, or because the file is another now."""
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if done and found is not None and int(found[3]) == done:
            self._check_size(done)
            return
        os.ftruncate(fd, 0)
        raise Passing(f"{self._item.title}: the host has another file than before; beginning anew")

    # ------------------------------------------------------------------ sizes

    def _check_size(self, total: int) -> None:
        expected = self._item.size_bytes
        if expected is not None and total != expected:
            raise ModelUnusable(
                f"{self._item.title} has {total} bytes at the host, and {expected} as published; "
                "try another mirror"
            )
        if not 0 < total <= _MAX_BYTES:
            raise ModelUnusable(f"{self._item.title}: the host announces {total} bytes; try another mirror")

    def _require_room(self, needed: int) -> None:
        free = self._free_bytes(self._folder)
        if needed + _SPARE_BYTES > free:
            raise InvalidRequest(
                f"{self._item.title} needs {_mb(needed)} MB more, and {self._folder.parent} has {_mb(free)}; "
                "free some space, then pull again"
            )

    # ------------------------------------------------------------------ the record

    def _seen(self) -> Seen:
        try:
            with self._record.open("rb") as file:
                said = json.loads(file.read(4096))
            return Seen(etag=_strong(str(said["etag"])), size_bytes=int(said["size_bytes"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Seen()

    def _remember(self, seen: Seen) -> None:
        scratch = self._record.with_suffix(".new")
        scratch.write_text(json.dumps({"etag": seen.etag, "size_bytes": seen.size_bytes}))
        os.replace(scratch, self._record)


def _strong(etag: str) -> str:
    """A weak one may stay while bytes change."""
    is_strong = len(etag) <= 1000 and etag.startswith('"') and etag.endswith('"') and len(etag) > 2
    return etag if is_strong and etag.isascii() and etag.isprintable() else ""


def _length(response: httpx.Response) -> int:
    """Raises ModelUnusable: what has no announced end could fill the disk."""
    text = response.headers.get("content-length", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise ModelUnusable("the host does not say how long the file is; name another mirror")
    return int(text)


def _try_lock(path: Path, fd: int) -> bool:
    """Not of what was placed between being opened and being locked: that is a model by now."""
    try:
        lock(fd, alone=True)
        return os.path.samestat(path.lstat(), os.fstat(fd))
    except (BlockingIOError, FileNotFoundError):
        return False


def _write_all(fd: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(fd, rest) :]


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Says so, if that is what goes wrong."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise InvalidRequest(
            f"the disk of {folder.parent} is full; free some space and pull again, to go on"
        ) from None


def _mb(num_bytes: int) -> int:
    return -(-num_bytes // 10**6)
