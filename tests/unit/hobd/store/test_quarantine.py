"""What is in quarantine stays there over starts of the daemon, until it is released."""

from __future__ import annotations

from pathlib import Path

from hobd.store.quarantine import Quarantine

DIGEST = "ab" * 32


def test_reason_is_remembered_by_the_next_daemon(tmp_path: Path) -> None:
    Quarantine(tmp_path / "q.json").put(DIGEST, "model", "it tried something")
    assert Quarantine(tmp_path / "q.json").why(DIGEST) == "it tried something"


def test_first_reason_stays(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q.json")
    quarantine.put(DIGEST, "model", "first")
    quarantine.put(DIGEST, "model", "second")
    assert quarantine.why(DIGEST) == "first"


def test_released_digest_is_free_for_good(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q.json")
    quarantine.put(DIGEST, "model", "it tried something")
    quarantine.release(DIGEST)
    assert not quarantine.why(DIGEST) and not Quarantine(tmp_path / "q.json").why(DIGEST)


def test_damaged_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text("{damaged")
    assert not Quarantine(tmp_path / "q.json").why(DIGEST)
