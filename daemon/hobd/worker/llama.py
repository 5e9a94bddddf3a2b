"""llama.cpp's C functions, imported without the rest of llama-cpp-python.

Must be the only module that imports llama_cpp. The package's __init__ pulls in chat formats, disk
caches and a server's worth of modules (a quarter of a second); the low-level bindings are one module.
Used by llama_engine.py, llama_projector.py and sampling.py.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
import types
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hobd.worker.measured import Buffers


def _import_bindings() -> Any:
    """`llama_cpp.llama_cpp`, with an empty package around it."""
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("llama-cpp-python is not installed; run `make demo`, or `pip install hob[engine]`")
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules.setdefault("llama_cpp", package)
    return importlib.import_module("llama_cpp.llama_cpp")


L = _import_bindings()
lib: ctypes.CDLL = L._lib

# Typed anew where the bindings' own types cost time in every step: an address is all we need.
get_logits = lib["llama_get_logits"]
get_logits.argtypes = [ctypes.c_void_p]
get_logits.restype = ctypes.c_void_p
decode = lib["llama_decode"]
decode.argtypes = [ctypes.c_void_p, L.llama_batch]
decode.restype = ctypes.c_int32

_GGML_LOG_LEVEL_INFO, _GGML_LOG_LEVEL_ERROR = 2, 4
_errors: deque[str] = deque(maxlen=8)
#: What llama.cpp said of the memory that it took, since somebody asked.
buffers = Buffers()


def _on_log(level: int, text: bytes, _: int | None) -> None:
    if level == _GGML_LOG_LEVEL_ERROR:
        _errors.append(text.decode("utf-8", "replace").strip())
    elif level == _GGML_LOG_LEVEL_INFO:
        buffers.note(text)


# Kept alive here: llama.cpp holds on to the address alone.
_LOG_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_on_log)


def import_mtmd() -> Any:
    """The bindings of llama.cpp's eyes and ears, silenced. Loads a library: only for who has a projector."""
    M = importlib.import_module("llama_cpp.mtmd_cpp")
    M.mtmd_helper_log_set(ctypes.cast(_LOG_CALLBACK, L.llama_log_callback), None)
    return M


class AbortFlag:
    """Ends computations early. `set` is safe from any thread."""

    def __init__(self) -> None:
        # llama.cpp asks this callback at every node of the graph, on its own threads, so it must not be
        # Python. strlen() is the C function we need: 0 (go on) for an empty string, 1 (abort) for "x".
        self._flag = ctypes.create_string_buffer(2)
        self._strlen = ctypes.cast(ctypes.CDLL(None).strlen, L.ggml_abort_callback)

    def attach(self, context: Any) -> None:
        """The flag must outlive the context."""
        L.llama_set_abort_callback(context, self._strlen, ctypes.cast(self._flag, ctypes.c_void_p))

    def set(self) -> None:
        self._flag[0] = b"x"

    def clear(self) -> None:
        self._flag[0] = b"\0"


@contextmanager
def c_file(fd: int) -> Iterator[Any]:
    """A FILE* over a copy of the descriptor, at the file's beginning, for as long as the block lasts."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fdopen.restype = ctypes.c_void_p
    file = libc.fdopen(os.dup(fd), b"rb")
    if not file:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.lseek(fd, 0, os.SEEK_SET)  # the copies share their place; another worker may have read on from it
    try:
        yield file
    finally:
        libc.fclose(ctypes.c_void_p(file))


def prepare() -> None:
    """What need not wait for a model: done before one is asked for."""
    silence()
    L.llama_backend_init()


def silence() -> None:
    """Sends llama.cpp's log nowhere, but for the last errors, which `last_errors` hands out."""
    L.llama_log_set(_LOG_CALLBACK, ctypes.c_void_p(0))


def last_errors() -> str:
    """The newest error lines as one printable line. They may quote the model file, never a prompt."""
    text = "; ".join(_errors)
    _errors.clear()
    return "".join(c if c.isprintable() else "?" for c in text)[:500]


def build() -> str:
    """Which engine this is, as receipts name it."""
    from importlib.metadata import version

    return f"llama-cpp-python {version('llama-cpp-python')}"
