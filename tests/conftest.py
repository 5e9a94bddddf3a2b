"""What tests of every kind may ask for: a tiny model, the starter model, a daemon.

Must leave nothing behind: every daemon ends with its test. Called by pytest.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Before anything imports gRPC: its fork handlers, once it has threads, would run in the children that
# tests of the renderer fork from this process. A worker, which is where that fork belongs, has no gRPC.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
# A run in the background of a script ignores interrupts, and so would what tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hob.address import data_dir
from hypothesis import settings

from tests.daemon import RunningDaemon
from tests.tiny_bert import write_tiny_bert
from tests.tiny_model import write_tiny_model

pytest_plugins = ["tests.proof.report"]

# How long an example takes is the machine's business, and whoever else uses it.
settings.register_profile("hob", deadline=None)
settings.load_profile("hob")

# Read before any test puts another home directory into the environment.
MODELS_DIR = Path(os.environ.get("HOB_MODELS_DIR") or data_dir() / "models")
CONVERTED_DIR = data_dir() / "converted"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a megabyte that llama.cpp loads; says printable nonsense, always the same."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="session")
def starter_model() -> Path:
    """The model that `make demo` answers with."""
    model = MODELS_DIR / "smollm2-135m-instruct.gguf"
    if not model.is_file():
        pytest.fail(f"the starter model is not at {model}; `make demo` puts it there", pytrace=False)
    return model


@pytest.fixture(scope="session")
def embedding_model() -> Path:
    """all-MiniLM-L6-v2: an encoder whose vectors mean something."""
    model = CONVERTED_DIR / "all-minilm-l6-v2.gguf"
    if not model.is_file():
        pytest.fail(f"the embedding model is not at {model}; `make embedding` puts it there", pytrace=False)
    return model


@pytest.fixture(scope="session")
def tiny_ranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder of a hundred kilobytes, with random opinions."""
    return write_tiny_bert(tmp_path_factory.mktemp("models") / "ranker.gguf", ranks=True)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """A real daemon, not yet started, whose workers answer by arithmetic instead of llama.cpp."""
    running = RunningDaemon(tmp_path / "home", fake_workers=True)
    yield running
    running.stop()


@pytest.fixture
def real_daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """A real daemon with real workers, not yet started."""
    running = RunningDaemon(tmp_path / "home", fake_workers=False)
    yield running
    running.stop()
