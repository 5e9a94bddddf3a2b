"""An installation that needs no registry: a virtual environment with hob and what it was tested with.

Must copy what this environment holds, which set-up has checked by digest, and fetch nothing; must name
nothing of the machine that it was made on. Called by deb.py and the tests of packages.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from provision import place
from provision.failure import SetupError
from provision.sbom import closure

#: What a whole installation has; without any of them it is the client alone.
EXTRAS = ("daemon", "engine", "save", "gateway", "editors", "fetch")
#: Beside the packages themselves: what some builds leave there, such as a second copy of their libraries.
_NOT_OURS = ("bin", "include", "lib", "share")
_ENTRIES = {"hob": ("hob_cli.main", "main"), "hobd": ("hobd.__main__", "main")}


def make(root: Path, wheel: Path, extras: Iterable[str], *, prefix: Path, python: Path) -> None:
    """Fills `root`, which will be called `prefix` where it is used, for the interpreter `python` there."""
    site = root / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    binaries = root / "bin"
    binaries.mkdir()
    (root / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    (binaries / "python3").symlink_to(python)
    for name in sorted(closure("hob", extras)):
        if name != "hob":
            _copy(name, site)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for command, (module, function) in _ENTRIES.items():
        _write_entry(binaries / command, prefix / "bin" / "python3", module, function)


def build_wheel(directory: Path) -> Path:
    """hob's own wheel. Builds from the checkout as it is."""
    return directory / _built("build_wheel", directory)


def build_sdist(directory: Path) -> Path:
    return directory / _built("build_sdist", directory)


def _built(function: str, directory: Path) -> str:
    from hatchling import build  # only who packages has it

    before = Path.cwd()
    os.chdir(place.ROOT)  # where the standard for such functions has them look
    try:
        return str(getattr(build, function)(str(directory)))
    finally:
        os.chdir(before)


def _copy(name: str, site: Path) -> None:
    """One package's files, without its scripts: nobody has to find those."""
    found = _distribution(name)
    base = Path(str(found.locate_file("")))
    for file in found.files or ():
        source = base / file
        if ".." in file.parts or file.parts[0] in _NOT_OURS or file.suffix == ".pyc":
            continue
        if file.name == "direct_url.json":  # where it was installed from
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o644)


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise SetupError(f"{name} is not installed here; run `make setup`") from None


def _write_entry(path: Path, python: Path, module: str, function: str) -> None:
    """Isolated, so that nothing in somebody's directory or environment is imported in its place."""
    path.write_text(
        f"#!{python} -I\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    )
    path.chmod(0o755)
