"""The peer that benchmarks measure against: llama-server and its kin, from the very sources of our engine.

Must never be part of set-up or CI: it takes minutes, and only `make bench` wants it.
Called by scripts/peer.
"""

from __future__ import annotations

import os
import platform
import shutil
import tarfile
import tempfile
from pathlib import Path

from provision import command, download, engine, place

TOOLS = ("llama-server", "llama-bench", "llama-batched-bench")


def provide() -> None:
    """Builds the tools once for each engine and processor, and says where they are."""
    shelf = directory()
    if not all((shelf / tool).exists() for tool in TOOLS):
        _build(shelf)
    print(shelf)


def directory() -> Path:
    return place.cache_dir() / "peer" / engine.digest()


def _build(shelf: Path) -> None:
    shelf.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=shelf.parent) as scratch:
        tools = engine.install_tools(Path(scratch) / "tools")
        source = download.fetch(
            "Fetching llama.cpp (77 MB)",
            "engine",
            Path(scratch) / "sdist",
            python=tools / "python",
            options=["--no-build-isolation", "--no-binary=:all:"],
        )
        with tarfile.open(source) as archive:
            archive.extractall(scratch, filter="data")
        (vendored,) = Path(scratch).glob("llama_cpp_python-*/vendor/llama.cpp")
        binaries = _compile(vendored, tools, Path(scratch) / "build")
        shutil.copytree(binaries, shelf, symlinks=True, dirs_exist_ok=True)


def _compile(source: Path, tools: Path, into: Path) -> Path:
    """As the engine is built, but with what it leaves out: the common library, the server, the tools."""
    environ = {"PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    command.run(
        "Configuring llama-server",
        [
            *(tools / "cmake", "-S", source, "-B", into, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"),
            *("-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_OPENSSL=OFF"),
            *("-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_APP=OFF"),
            # The tools look for their libraries beside themselves, wherever they are put.
            *("-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON", "-DCMAKE_INSTALL_RPATH=$ORIGIN"),
            *_without_amx(),
        ],
        log="peer",
        environ=environ,
    )
    command.run(
        "Compiling llama-server",
        [tools / "cmake", "--build", into, "--target", *TOOLS],
        log="peer",
        environ=environ,
        reader=engine.compiled,
    )
    return into / "bin"


def _without_amx() -> list[str]:
    """As packaging/llama-cpp/options.cmake has it for the engine, and why."""
    if platform.machine() != "x86_64":
        return []
    flags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    return [f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}"]
