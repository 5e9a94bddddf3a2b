"""Where set-up keeps things: the checkout, its environment, the user's cache and models.

Must agree with hob.address on the directory of the models; must create nothing.
Called by every step.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
LOCKS = ROOT / "requirements"
BUILD_OPTIONS = ROOT / "packaging" / "llama-cpp" / "options.cmake"
LOGS = ROOT / ".cache" / "setup"


def cache_dir() -> Path:
    """What a fresh clone on the same machine need not make again."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "hob"


def models_dir() -> Path:
    """Where the daemon looks for models unless its configuration says otherwise."""
    named = os.environ.get("HOB_MODELS_DIR")
    return Path(named) if named else _xdg("XDG_DATA_HOME", ".local/share") / "hob" / "models"


def converted_dir() -> Path:
    """What was made from packages for tests; the daemon does not look there."""
    return _xdg("XDG_DATA_HOME", ".local/share") / "hob" / "converted"


def shown(path: Path) -> str:
    """A path as a user would write it."""
    for base, short in ((ROOT, ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return short + str(path.relative_to(base))
    return str(path)


def on_terminal() -> bool:
    return sys.stderr.isatty()


def _xdg(variable: str, below_home: str) -> Path:
    named = os.environ.get(variable)
    return Path(named) if named else Path.home() / below_home
