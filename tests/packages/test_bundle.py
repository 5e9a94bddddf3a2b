"""Installations without a registry: the client alone, and all of it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from provision import bundle

from tests.packages.conftest import ask


def test_client_alone_needs_neither_daemon_nor_engine(client_alone: Path, tmp_path: Path) -> None:
    told = ask(client_alone, "hob", "version", home=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert "hobd does not run" in told.stdout
    names = {path.name for path in (client_alone / "lib").rglob("site-packages/*")}
    assert not {"msgspec", "llama_cpp", "numpy", "starlette", "pytest"} & names


def test_client_alone_says_what_a_daemon_needs(client_alone: Path, tmp_path: Path) -> None:
    told = ask(client_alone, "hobd", home=tmp_path)
    assert told.returncode in (1, 3) and told.stderr.count("\n") == 1
    assert "pip install 'hob[daemon,engine]'" in told.stderr


def test_who_asks_hears_what_a_daemon_needs(client_alone: Path, tmp_path: Path) -> None:
    told = ask(client_alone, "hob", "run", "hi", home=tmp_path)
    assert told.returncode in (1, 3) and told.stderr.count("\n") == 1
    assert "pip install 'hob[daemon,engine]'" in told.stderr


def test_client_alone_says_what_the_gateway_needs(client_alone: Path, tmp_path: Path) -> None:
    told = ask(client_alone, "hob", "gateway", "run", home=tmp_path)
    assert told.returncode != 0 and "hob[gateway]" in told.stderr and told.stderr.count("\n") == 1


def test_an_installation_names_no_place_of_its_making(client_alone: Path) -> None:
    checkout = str(Path(__file__).parents[2]).encode()
    ours = (path for path in (client_alone / "lib").rglob("hob*/**/*") if path.is_file())
    assert [path for path in ours if checkout in path.read_bytes()] == []


def test_wheel_holds_every_package_and_its_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if not name.startswith("hob-")} == {
        "hob",
        "hobd",
        "hob_client",
        "hob_cli",
        "hob_gateway",
        "hob_editors",
        "hob_fetch",
    }
    unit = "hob_cli/service/packaging/systemd/hobd.service"
    assert {unit, "hob_client/py.typed", "hob/v1/inference_pb2.py"} <= set(names)


def test_sdist_has_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    with tarfile.open(bundle.build_sdist(tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "daemon/hobd/main.py",
        "packaging/systemd/hobd.service",
    } <= names
    assert not [name for name in names if name.startswith((".venv", "build/")) or name.endswith(".gguf")]
