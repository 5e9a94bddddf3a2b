"""Where this installation is, and the unit files that came with it.

Must only look. Called by systemd.py, launchd.py and commands/service.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from hob import address
from hob_client.errors import NotSupported

#: Variables that say where things are. Settings belong into the configuration, which a service reads too.
_PLACES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "HOB_CONFIG", "HOB_MODELS_DIR")
_GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dri/renderD128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the service has to be told."""

    python: Path
    folders: tuple[Path, ...]  # all that Python reads to run hobd
    home: Path
    config_home: Path
    state: Path
    runtime: Path
    models: Path
    has_gpu: bool
    places: Mapping[str, str] = field(default_factory=dict)


def find() -> Installation:
    """This one. NotSupported where no daemon is installed."""
    if find_spec("hobd") is None:
        raise NotSupported(
            "only hob's clients are installed here; install the daemon too: `pip install hob[daemon]`"
        )
    environ = {name: os.path.abspath(os.environ[name]) for name in _PLACES if os.environ.get(name)}
    return Installation(
        python=Path(sys.executable),
        folders=_folders(),
        home=Path.home(),
        config_home=Path(environ.get("XDG_CONFIG_HOME", Path.home() / ".config")),
        state=address.state_dir(),
        runtime=address.runtime_dir(),
        models=Path(environ.get("HOB_MODELS_DIR", address.data_dir() / "models")),
        has_gpu=any(os.path.exists(file) for file in _GPU_FILES),
        places=environ,
    )


def template(name: str) -> str:
    """A file of `packaging/`, such as "systemd/hobd.service": beside this module, or in a checkout."""
    packaged = Path(__file__).parent / "packaging"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "packaging"
    return (folder / name).read_text()


def _folders() -> tuple[Path, ...]:
    """The environment, Python itself, and the packages, which a checkout has elsewhere."""
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    for package in ("hob", "hobd"):
        spec = find_spec(package)
        if spec is not None:
            found += [Path(place).parent for place in spec.submodule_search_locations or ()]
    return tuple(dict.fromkeys(found))
