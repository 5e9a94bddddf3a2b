"""The Debian package: what dpkg is told, what lies where, and that it answers."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hob.version import VERSION
from hob_client import Client

from tests.daemon import await_true
from tests.packages.conftest import PYTHON, ask

needs_system_python = pytest.mark.skipif(not PYTHON.exists(), reason=f"{PYTHON} is not here")


def test_dpkg_reads_what_it_is_told(tree: Path, tmp_path: Path) -> None:
    package = tmp_path / "hob.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(package)]
    subprocess.run(command, check=True, capture_output=True)
    told = subprocess.run(["dpkg-deb", "-f", str(package)], capture_output=True, text=True, check=True).stdout
    assert f"Package: hob\nVersion: {VERSION}\n" in told and f"Depends: {PYTHON.name}," in told


def test_nobody_but_root_can_change_what_is_installed(tree: Path) -> None:
    for path in (tree / "usr").rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISLNK(mode) or not mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID), (
            path
        )


def test_what_tests_and_builds_hob_is_not_in_it(tree: Path) -> None:
    (site,) = (tree / "usr/lib/hob/lib").glob("*/site-packages")
    names = {path.name for path in site.iterdir()}
    assert {"hobd", "llama_cpp", "starlette", "pyrage", "grpc"} <= names
    assert not {"pytest", "mypy", "openai", "hypothesis", "lib", "include"} & names


def test_units_start_the_interpreter_of_the_package(tree: Path) -> None:
    unit = (tree / "usr/lib/systemd/user/hobd.service").read_text()
    (started,) = re.findall(r"^ExecStart=(\S+) -I -m hobd", unit, re.MULTILINE)
    assert os.path.lexists(tree / started.lstrip("/"))


def test_every_command_has_a_page_that_man_can_show(tree: Path) -> None:
    pages = sorted((tree / "usr/share/man/man1").iterdir())
    assert {"hob.1.gz", "hob-run.1.gz", "hob-door-add.1.gz"} <= {page.name for page in pages}
    if shutil.which("groff") is None:
        pytest.skip("groff is not here")
    text = b"".join(gzip.decompress(page.read_bytes()) for page in pages)
    told = subprocess.run(
        ["groff", "-Kutf8", "-man", "-ww", "-Tutf8", "-z"], input=text, capture_output=True, check=True
    )
    assert told.stderr == b""


def test_completions_are_there_for_each_shell(tree: Path) -> None:
    script = tree / "usr/share/bash-completion/completions/hob"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    for other in ("zsh/vendor-completions/_hob", "fish/vendor_completions.d/hob.fish"):
        assert "_HOB_COMPLETE" in (tree / "usr/share" / other).read_text()


@pytest.fixture
def daemon(tree: Path, tmp_path: Path, starter_model: Path) -> Iterator[Path]:
    """The package's own daemon, as a service manager would start it."""
    socket = tmp_path / "run" / "hob.sock"
    socket.parent.mkdir(mode=0o700)
    environment = {
        "HOME": str(tmp_path),
        "HOB_MODELS_DIR": str(starter_model.parent),
        "PATH": "/usr/bin:/bin",
    }
    command = [str(tree / "usr/lib/hob/bin/python3"), "-I", "-m", "hobd", "--socket", str(socket)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    await_true(socket.exists, "it serves", 60)
    yield socket
    process.terminate()
    process.wait(30)


@needs_system_python
@pytest.mark.model
def test_what_it_installs_answers(daemon: Path, tree: Path, tmp_path: Path, starter_model: Path) -> None:
    with Client(daemon, start=False) as client:
        assert client.complete(starter_model.stem, "The capital of France is", max_tokens=4).text
    told = ask(tree / "usr/lib/hob", "hob", "--socket", str(daemon), "ps", home=tmp_path)
    assert told.returncode == 0 and starter_model.stem[:6] in told.stdout
