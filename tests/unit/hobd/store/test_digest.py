"""A model is opened only if it is the file it should be, and hashed no more often than it must."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hobd.errors import ModelUnusable
from hobd.store import digest
from hobd.store.catalog import Entry
from hobd.store.digest import DigestMemory, Mode, open_verified, require_unchanged, verify

CONTENT = b"GGUF" * 700_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
OTHER = "ab" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(CONTENT)
    path.chmod(0o644)
    return path


@pytest.fixture
def memory(tmp_path: Path) -> DigestMemory:
    return later_memory(tmp_path / "state" / "digests.json")


def later_memory(path: Path) -> DigestMemory:
    """As it is when files have not been changed for a while."""
    return DigestMemory(path, now_ns=lambda: time.time_ns() + 10**10)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The models hashed so far."""
    seen: list[Path] = []
    real = digest._hash

    def hash_and_note(entry: Entry, *arguments: Any) -> str:
        seen.append(entry.path)
        return real(entry, *arguments)

    monkeypatch.setattr(digest, "_hash", hash_and_note)
    return seen


def entry(path: Path, sha256: str | None = DIGEST) -> Entry:
    return Entry(name="model", path=path, sha256=sha256, size_bytes=len(CONTENT), modified_ns=0)


def opened(
    path: Path, memory: DigestMemory, mode: Mode = "cached", sha256: str | None = DIGEST
) -> str | None:
    model = open_verified(entry(path, sha256), mode=mode, memory=memory)
    os.close(model.fd)
    return model.sha256


def problem(path: Path, memory: DigestMemory, sha256: str | None = DIGEST) -> str:
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ModelUnusable) as caught:
        opened(path, memory, sha256=sha256)
    assert len(os.listdir("/dev/fd")) == before, "a descriptor was left open"
    assert caught.value.model == "model"
    return caught.value.message


def test_gives_the_whole_file_from_its_beginning(path: Path, memory: DigestMemory) -> None:
    model = open_verified(entry(path), mode="always", memory=memory)
    assert (model.sha256, model.size_bytes) == (DIGEST, len(CONTENT))
    assert not os.get_inheritable(model.fd)
    with open(model.fd, "rb") as file:
        assert file.read() == CONTENT


def test_a_descriptor_cannot_be_written(path: Path, memory: DigestMemory) -> None:
    model = open_verified(entry(path), mode="off", memory=memory)
    with pytest.raises(OSError):
        os.write(model.fd, b"x")
    os.close(model.fd)


def test_another_digest_is_refused_with_both(path: Path, memory: DigestMemory) -> None:
    assert problem(path, memory, OTHER) == (
        "model cannot be used: digest mismatch: "
        f"expected abababababab…, the file has {DIGEST[:12]}…; fetch it again"
    )


def test_a_digest_that_nobody_recorded_is_computed(path: Path, memory: DigestMemory) -> None:
    assert opened(path, memory, sha256=None) == DIGEST


@pytest.mark.parametrize(("mode", "times"), [("cached", 1), ("always", 2), ("off", 0)])
def test_how_often_a_mode_hashes(
    path: Path, memory: DigestMemory, hashed: list[Path], mode: Mode, times: int
) -> None:
    opened(path, memory, mode)
    opened(path, memory, mode)
    assert len(hashed) == times


def test_off_promises_no_digest(path: Path, memory: DigestMemory) -> None:
    opened(path, memory, "cached")
    assert opened(path, memory, "off") is None


def test_a_changed_file_is_hashed_again_though_its_mtime_was_set_back(
    path: Path, memory: DigestMemory, hashed: list[Path]
) -> None:
    opened(path, memory)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.rename(path.with_suffix(".old"))  # another inode, and another ctime
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=times)
    assert "digest mismatch" in problem(path, memory)
    assert len(hashed) == 2


def test_a_remembered_digest_cannot_hide_a_mismatch(
    path: Path, memory: DigestMemory, hashed: list[Path]
) -> None:
    opened(path, memory)
    assert "digest mismatch" in problem(path, memory, OTHER)
    assert len(hashed) == 2


def test_a_changed_mind_about_the_file_is_noticed_while_hashing(path: Path) -> None:
    def grow(fraction: float) -> None:
        os.truncate(path, len(CONTENT) + 1)

    with pytest.raises(ModelUnusable, match="is being changed"):
        verify(entry(path), progress=grow)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, memory: DigestMemory, mode: int) -> None:
    path.chmod(mode)
    assert "others than its owner can write" in problem(path, memory)


def test_a_file_of_another_user_is_refused(
    path: Path, memory: DigestMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    real = os.fstat

    def owned_by_another(fd: int) -> os.stat_result:
        status = list(real(fd))
        status[stat.ST_UID] = 2
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", owned_by_another)
    assert "belongs to another user (uid 2)" in problem(path, memory)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path, memory: DigestMemory) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in problem(tmp_path / "pipe", memory)


def test_a_directory_is_refused(tmp_path: Path, memory: DigestMemory) -> None:
    assert "no regular file" in problem(tmp_path, memory)


def test_a_file_that_is_gone_is_refused(tmp_path: Path, memory: DigestMemory) -> None:
    assert "No such file" in problem(tmp_path / "gone", memory)


def test_a_file_of_another_size_than_listed_is_refused(path: Path, memory: DigestMemory) -> None:
    os.truncate(path, 5)
    assert "is being changed" in problem(path, memory)


def test_progress_grows_to_one(path: Path, memory: DigestMemory) -> None:
    fractions: list[float] = []
    model = open_verified(entry(path), mode="always", memory=memory, progress=fractions.append)
    os.close(model.fd)
    assert fractions == sorted(fractions)
    assert len(fractions) == 3  # one for each of the file's three pieces
    assert fractions[-1] == 1.0


def unchanged(path: Path, memory: DigestMemory, change: Callable[[], object], mode: Mode = "always") -> None:
    model = open_verified(entry(path, None), mode=mode, memory=memory)
    try:
        change()
        require_unchanged(entry(path, None), model)
    finally:
        os.close(model.fd)


def test_a_file_that_was_written_while_it_was_loaded_is_refused(path: Path, memory: DigestMemory) -> None:
    with pytest.raises(ModelUnusable, match="was changed while it was loaded"):
        unchanged(path, memory, lambda: path.write_bytes(CONTENT))


def test_a_write_that_hides_its_time_is_found_by_the_digest(path: Path, memory: DigestMemory) -> None:
    def write_and_hide() -> None:
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.write_bytes(CONTENT[::-1])
        os.utime(path, ns=times)

    with pytest.raises(ModelUnusable, match="was changed while it was loaded"):
        unchanged(path, memory, write_and_hide)


def test_a_link_that_was_made_meanwhile_changes_nothing(path: Path, memory: DigestMemory) -> None:
    unchanged(path, memory, lambda: os.link(path, path.with_suffix(".link")))


def test_nothing_is_remembered_where_others_make_up_times(
    path: Path, memory: DigestMemory, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "kind_of", lambda fd: "fuse.sshfs")
    assert opened(path, memory) == opened(path, memory) == DIGEST
    assert len(hashed) == 2
    known = digest.provenance(entry(path), memory)
    assert (known.sha256, known.filesystem, known.is_remembered) == (None, "fuse.sshfs", False)


@pytest.mark.parametrize(("later_ns", "times"), [(1, 2), (10**9, 1)], ids=["just changed", "long ago"])
def test_a_file_that_was_changed_just_now_is_not_remembered(
    path: Path, tmp_path: Path, hashed: list[Path], later_ns: int, times: int
) -> None:
    changed_ns = path.stat().st_ctime_ns | 1
    memory = DigestMemory(tmp_path / "digests.json", now_ns=lambda: changed_ns + later_ns)
    if path.stat().st_ctime_ns % 10**9 == 0:
        pytest.skip("this file system counts whole seconds")
    opened(path, memory)
    opened(path, memory)
    assert len(hashed) == times


def test_provenance_tells_when_it_was_verified_and_reads_nothing(path: Path, memory: DigestMemory) -> None:
    assert digest.provenance(entry(path), memory).sha256 is None
    opened(path, memory)
    known = digest.provenance(entry(path), memory)
    assert known.sha256 == DIGEST and known.verified_at is not None


def test_a_link_of_another_user_is_refused(
    path: Path, memory: DigestMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = path.with_suffix(".link")
    link.symlink_to(path)
    assert opened(link, memory) == DIGEST
    status = list(os.lstat(link))
    status[stat.ST_UID] = 12345
    monkeypatch.setattr(os, "lstat", lambda _: os.stat_result(status))
    assert "is a link of another user (uid 12345)" in problem(link, memory)


def test_verify_reads_and_compares(path: Path) -> None:
    assert verify(entry(path, None)) == DIGEST
    with pytest.raises(ModelUnusable, match="digest mismatch"):
        verify(entry(path, OTHER))


# ------------------------------------------------------------------ memory


def test_memory_outlives_the_daemon(path: Path, tmp_path: Path, hashed: list[Path]) -> None:
    for _ in range(2):
        opened(path, later_memory(tmp_path / "digests.json"))
    assert len(hashed) == 1


def test_memory_is_the_owners_alone(path: Path, memory: DigestMemory, tmp_path: Path) -> None:
    opened(path, memory)
    assert stat.S_IMODE((tmp_path / "state" / "digests.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "state") == ["digests.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"a": 1}', b'{"a": "short"}', b"\xff"],
    ids=["empty", "cut", "list", "int", "text", "bytes"],
)
def test_damaged_memory_is_forgotten(path: Path, tmp_path: Path, content: bytes, hashed: list[Path]) -> None:
    (tmp_path / "digests.json").write_bytes(content)
    for _ in range(2):
        assert opened(path, later_memory(tmp_path / "digests.json")) == DIGEST
    assert len(hashed) == 1


def test_memory_that_cannot_be_written_lasts_for_this_life(path: Path, hashed: list[Path]) -> None:
    memory = later_memory(path / "below-a-file" / "digests.json")
    assert opened(path, memory) == opened(path, memory) == DIGEST
    assert len(hashed) == 1


def test_a_full_disk_leaves_the_old_memory_whole(
    path: Path, memory: DigestMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(path, memory)
    kept = (tmp_path / "state" / "digests.json").read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    opened(path, memory, "always")
    assert (tmp_path / "state" / "digests.json").read_bytes() == kept


def test_memory_forgets_the_oldest_first(
    path: Path, memory: DigestMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "_MAX_REMEMBERED", 1)
    opened(path, memory)
    other = path.with_name("other")
    other.write_bytes(CONTENT)
    opened(other, memory)
    assert (memory.get(path.stat()), memory.get(other.stat())) == (None, DIGEST)
