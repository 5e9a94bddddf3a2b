"""Writes build/hob_VERSION_ARCH.deb: hob, what it needs, its units, manual pages and completions.

Must put nothing into it that this environment does not have: a package has what was tested.
Called by scripts/deb.

    /usr/lib/hob            a virtual environment for the system's own Python
    /usr/bin/hob, hobd      links into it
    /usr/lib/systemd/user   the unit of one user; enabled by nobody but that user
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from click.shell_completion import get_completion_class
from hob.version import VERSION
from hob_cli import exits
from hob_cli.main import cli

from provision import bundle, command, manual, place
from provision.failure import SetupError

PREFIX = Path("/usr/lib/hob")
_PYTHON = Path(f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/hob",
    "zsh": "usr/share/zsh/vendor-completions/_hob",
    "fish": "usr/share/fish/vendor_completions.d/hob.fish",
}

#: Compiled once: who uses it may not write there, and would compile at every start.
_SCRIPTS = {
    "postinst": f"#!/bin/sh\nset -e\n{PREFIX}/bin/python3 -I -m compileall -q {PREFIX}/lib || true\n",
    "prerm": f"#!/bin/sh\nset -e\nfind {PREFIX}/lib -depth -name __pycache__ -exec rm -r {{}} +\n",
}


def write() -> None:
    if shutil.which("dpkg-deb") is None:
        raise SetupError("dpkg-deb is not here; Debian packages are built on a Debian system")
    target = place.ROOT / "build" / f"hob_{VERSION}_{_architecture()}.deb"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hob-deb-") as scratch:
        root = Path(scratch) / "root"
        assemble(root, bundle.build_wheel(Path(scratch)))
        pack = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(target)]
        command.run("Packing", pack, log="deb")
    print(f"{place.shown(target)}: {target.stat().st_size / 1e6:.0f} MB")


def assemble(root: Path, wheel: Path) -> None:
    """Everything that the package installs, and what dpkg is to know of it, below `root`."""
    root.mkdir(mode=0o755)
    library = root / PREFIX.relative_to("/")
    library.mkdir(parents=True)
    bundle.make(library, wheel, bundle.EXTRAS, prefix=PREFIX, python=_PYTHON)
    binaries = _directory(root / "usr/bin")
    for name in ("hob", "hobd"):
        (binaries / name).symlink_to(f"../lib/hob/bin/{name}")
    _units(root)
    _manual(root)
    for shell, path in _COMPLETIONS.items():
        completion = get_completion_class(shell)
        assert completion is not None, f"click completes {shell}"
        _write(root / path, completion(cli, {}, "hob", "_HOB_COMPLETE").source() + "\n")
    _write(root / "usr/share/doc/hob/copyright", (place.ROOT / "LICENSE").read_text())
    _compressed(root / "usr/share/doc/hob/changelog.gz", (place.ROOT / "CHANGELOG.md").read_text())
    _control(root)


def _units(root: Path) -> None:
    """The interpreter of a package is its own; all else is as the units have it."""
    units = {
        "hobd.service": "usr/lib/systemd/user/hobd.service",
        "hobd.socket": "usr/lib/systemd/user/hobd.socket",
        "hobd-system.service": "usr/share/doc/hob/examples/hobd-system.service",
    }
    for name, path in units.items():
        text = (place.ROOT / "packaging" / "systemd" / name).read_text()
        _write(root / path, text.replace("/usr/bin/python3 -I -m hobd", f"{PREFIX}/bin/python3 -I -m hobd"))


def _manual(root: Path) -> None:
    for entry in manual.entries(cli):
        page = manual.roff(entry, VERSION, exits.help_text() if len(entry.path) == 1 else "")
        _compressed(root / f"usr/share/man/man1/{entry.name}.1.gz", page)


def _control(root: Path) -> None:
    size = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    fields = {
        "Package": "hob",
        "Version": VERSION,
        "Architecture": _architecture(),
        "Maintainer": "The hob project <hob@localhost>",
        "Installed-Size": str(size),
        "Depends": f"python{version}, libc6, libgomp1, libstdc++6",
        "Recommends": "systemd",
        "Section": "science",
        "Priority": "optional",
        "Description": "local language models as a service that a machine can trust\n"
        " A daemon keeps models in memory and answers through a Unix socket that only\n"
        " its user can open. It opens no port, and no pathway leads out.",
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    _write(root / "DEBIAN/control", text)
    for name, script in _SCRIPTS.items():
        _write(root / "DEBIAN" / name, script)
        (root / "DEBIAN" / name).chmod(0o755)


def _architecture() -> str:
    told = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def _compressed(path: Path, text: str) -> None:
    """Without a time, so that the same source makes the same package."""
    _directory(path.parent)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    path.chmod(0o644)


def _write(path: Path, text: str) -> None:
    _directory(path.parent)
    path.write_text(text)
    path.chmod(0o644)


def _directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o755)
    return path
