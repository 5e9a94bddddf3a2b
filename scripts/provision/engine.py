"""The engine's wheel: llama.cpp compiled for this very processor, kept for the next checkout.

Must never hand out a wheel that was built from other sources, options, compilers or for another processor.
Called by environment.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from provision import command, download, place
from provision.failure import SetupError

STEP = re.compile(r"^\s*\[(\d+)/(\d+)\] ")


def wheel() -> Path:
    """The wheel for this machine: the one built before, or a new one."""
    shelf = place.cache_dir() / "wheels" / digest()
    for built in shelf.glob("*.whl"):
        return built
    return _build(shelf)


def digest() -> str:
    """What a build depends on. `-march=native` code is only good for the processor it was made on."""
    parts = [
        (place.LOCKS / "engine.lock").read_text(),
        (place.LOCKS / "build.lock").read_text(),
        place.BUILD_OPTIONS.read_text(),
        *(_version(compiler) for compiler in _compilers()),
        platform.machine(),
        " ".join(platform.libc_ver()),
        _processor(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _build(shelf: Path) -> Path:
    shelf.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=shelf) as scratch:
        tools = install_tools(Path(scratch) / "tools")
        source = download.fetch(
            "Fetching llama.cpp (77 MB)",
            "engine",
            Path(scratch) / "source",
            python=tools / "python",
            options=["--no-build-isolation", "--no-binary=:all:"],
        )
        built = _compile(source, tools, Path(scratch) / "wheel")
        return built.replace(shelf / built.name)


def install_tools(venv: Path) -> Path:
    """CMake, Ninja and the build backend, pinned, in an environment that goes when the wheel is built."""
    command.run("Making room to build", [place.UV, "venv", venv], log="build")
    command.run(
        "Installing build tools",
        [
            *(place.UV, "pip", "sync", "--python", venv / "bin" / "python"),
            *("--require-hashes", place.LOCKS / "build.lock"),
        ],
        log="build",
        hint="is this machine online?",
    )
    return venv / "bin"


def _compile(source: Path, tools: Path, into: Path) -> Path:
    define = f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={place.BUILD_OPTIONS}"
    into.mkdir()
    command.run(
        "Compiling llama.cpp",
        [
            *(tools / "python", "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-build-isolation"),
            # pip's cache of built wheels does not know about our options.
            *("--no-cache-dir", "--wheel-dir", into, source),
        ],
        log="build",
        environ={
            "CMAKE_ARGS": shlex.quote(define),
            "CMAKE_GENERATOR": "Ninja",
            "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "TMPDIR": str(into),
        },
        reader=compiled,
    )
    (built,) = into.glob("*.whl")
    return built


def compiled(text: str) -> tuple[int, int] | None:
    found = STEP.match(text)
    return (int(found[1]), int(found[2])) if found else None


def _compilers() -> tuple[str, str]:
    return os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")


def _version(compiler: str) -> str:
    if not shutil.which(shlex.split(compiler)[0]):
        raise SetupError(
            f"no compiler is called {compiler}; install a C and a C++ compiler (Debian: apt install gcc g++)"
        )
    told = subprocess.run([*shlex.split(compiler), "--version"], capture_output=True, text=True)
    return told.stdout.partition("\n")[0]


def _processor() -> str:
    """The instructions that the compiler may use, as the system tells them."""
    try:
        about = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", about, re.MULTILINE)
    return " ".join(sorted(found[1].split())) if found else platform.processor()
