"""`python -m tests.proof.disk FOLDER IMAGE`: a whole session on a disk that can be read raw afterwards.

Must be started as root in mount, process and network namespaces of its own. Everything that is written, to
whatever place but the memory file systems, ends up in the one image. The first answer goes to standard
output; FOLDER, in memory, gets the names of the files that were left. Started by test_canary.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def build(folder: Path, device: str) -> Path:
    """The machine's root, with the image over it; returns where."""
    disk, root = folder / "disk", folder / "root"
    for each in (disk, root):
        each.mkdir()
    # Whatever is written is in the image at once, and so is the journal's copy of it.
    mount("-t", "ext4", "-o", "sync,data=journal,nodiscard", device, str(disk))
    for name in ("upper", "work"):
        (disk / name).mkdir()
    layers = f"lowerdir=/,upperdir={disk}/upper,workdir={disk}/work"
    mount("-t", "overlay", "-o", layers, "overlay", str(root))
    mount("-t", "proc", "proc", str(root / "proc"))
    mount("--rbind", "/dev", str(root / "dev"))
    return root


def main(folder: Path, device: str, home: Path) -> None:
    root, prompt = build(folder, device), sys.stdin.read()
    control = os.environ.pop("HOB_PROOF_CONTROL")
    pid = os.fork()
    if pid == 0:
        os.chroot(root)
        os.chdir("/")
        home.mkdir(parents=True)
        leak(home, control)
        environment = os.environ | {"HOME": str(home), "HOB_SOCKET": str(home / "run" / "hob.sock")}
        session = [sys.executable, "-m", "tests.proof.session"]
        os._exit(subprocess.run(session, input=prompt, env=environment, text=True).returncode)
    ended = 0
    while ended != pid:  # the first process of a namespace buries its orphans
        ended, status = os.wait()
    os.sync()
    upper = folder / "disk" / "upper"
    names = [str(path.relative_to(upper)) for path in upper.rglob("*") if not path.is_dir()]
    (folder / "names").write_text("\n".join(names))
    sys.exit(os.waitstatus_to_exitcode(status))


def leak(home: Path, control: str) -> None:
    """What a careless program does: a file for a moment, gone before anybody looks."""
    file = home / "careless"
    file.write_text(control)
    file.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
