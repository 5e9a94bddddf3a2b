"""Proof (b): what was said is on no disk afterwards, raw and deleted blocks, journals and dumps included."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.proof.evidence import Evidence

pytestmark = [pytest.mark.proof, pytest.mark.model, pytest.mark.timeout(300)]

IMAGE_BYTES = 96 << 20
#: A text this long that is found is no accident.
WINDOW = 12
#: What hob writes of its own accord, and Python beside it.
EXPECTED = (
    "hobd.log",
    "quirks.json",
    "digests.json",
    ".pyc",
    "audit.jsonl",
    "hob.sock",
    "hob.sock.lock",
    "hob.lock",
)


@dataclass(frozen=True, kw_only=True)
class Found:
    prompt: str = field(repr=False)
    control: str = field(repr=False)
    answer: str = field(repr=False)
    image: bytes = field(repr=False)
    names: list[str]


@pytest.fixture(scope="module")
def found(starter_model: Path) -> Iterator[Found]:
    """What a session left on its disk."""
    missing = [name for name in ("unshare", "mkfs.ext4", "losetup", "mount") if shutil.which(name) is None]
    if missing or os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        pytest.skip(
            f"needs root, loop devices, unshare, mkfs.ext4, losetup, mount; missing: {missing or 'rights'}"
        )
    prompt, control = (f"Tell me about {secrets.token_hex(12)} and {secrets.token_hex(12)}." for _ in "ab")
    folder = Path("/dev/shm") / f"hob-proof-{secrets.token_hex(4)}"  # memory: its copies are not the disk's
    folder.mkdir()
    image = folder / "image"
    try:
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        lazy = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
        subprocess.run(["mkfs.ext4", "-q", "-J", "size=8", "-E", lazy, str(image)], check=True)
        attached = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True)
        if attached.returncode:
            pytest.skip(f"this machine has no loop device to spare: {attached.stderr.strip()}")
        device = attached.stdout.strip()
        try:
            answer = _session(folder, device, prompt, control, starter_model)
        finally:
            subprocess.run(["losetup", "-d", device], check=True)
        names = (folder / "names").read_text().splitlines()
        yield Found(prompt=prompt, control=control, answer=answer, image=image.read_bytes(), names=names)
    finally:
        shutil.rmtree(folder)


def _session(folder: Path, device: str, prompt: str, control: str, starter_model: Path) -> str:
    namespaces = [
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--net",
        "--propagation",
        "private",
    ]
    done = subprocess.run(
        ["unshare", *namespaces, sys.executable, "-m", "tests.proof.disk", str(folder), device, "/hob-proof"],
        input=prompt,
        env={
            "PATH": os.environ["PATH"],
            "HOB_MODELS_DIR": str(starter_model.parent),
            "HOB_PROOF_CONTROL": control,
            "HOB_DAEMON_LOG_LEVEL": "debug",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def patterns(text: str) -> list[bytes]:
    """How a text might lie there: in windows, as hex, as base64 in each of its phases, as UTF-16."""
    raw = text.encode()
    windows = [raw[at : at + WINDOW] for at in range(0, len(raw) - WINDOW + 1, 3)]
    shifted = [base64.b64encode(b"\0" * phase + raw)[4 if phase else 0 : -4] for phase in range(3)]
    return [*windows, raw.hex().encode(), *shifted, text[:WINDOW].encode("utf-16-le")]


def hits(found: Found, text: str) -> int:
    return sum(found.image.count(pattern) for pattern in patterns(text))


def test_text_that_was_written_and_deleted_would_be_found(found: Found, evidence: Evidence) -> None:
    evidence.note("traces of a file that was written and deleted beside hob", hits(found, found.control))
    assert hits(found, found.control)


def test_no_trace_of_the_prompt_is_on_the_disk(found: Found, evidence: Evidence) -> None:
    evidence.note("traces of the prompt on the raw disk", hits(found, found.prompt[14:38]))
    assert hits(found, found.prompt[14:]) == 0


def test_no_trace_of_the_answer_is_on_the_disk(found: Found, evidence: Evidence) -> None:
    assert len(found.answer) == 60, "the session said too little to look for"
    evidence.note("traces of the answer on the raw disk", hits(found, found.answer))
    assert hits(found, found.answer) == 0


def test_nothing_is_left_but_the_files_that_hob_says_it_writes(found: Found, evidence: Evidence) -> None:
    """Compressed or encrypted text would be in another."""
    evidence.note(
        "files left", ", ".join(sorted({Path(name).name for name in found.names if ".pyc" not in name}))
    )
    assert not [name for name in found.names if not name.endswith(EXPECTED)]
