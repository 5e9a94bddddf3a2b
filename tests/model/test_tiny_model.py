"""Real llama.cpp loads the tiny model, and always hears the same from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_model import write_not_gguf, write_tiny_model, write_truncated

# In a process of its own: a bad file may take llama.cpp down.
GREEDY = """
import ctypes, sys
import llama_cpp, numpy
silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
llama_cpp.llama_log_set(silent, None)
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), llama_cpp.llama_model_default_params())
if not model:
    sys.exit(3)
settings = llama_cpp.llama_context_default_params()
settings.n_ctx, settings.n_threads, settings.n_threads_batch = 256, 1, 1
context = llama_cpp.llama_init_from_model(model, settings)
size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
tokens = [1, 50, 60, 70]
for _ in range(24):
    batch = (ctypes.c_int32 * len(tokens))(*tokens)
    assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(batch, len(tokens))) == 0
    logits = numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, -1), (size,))
    tokens = [int(logits.argmax())]
    print(tokens[0])
"""


def greedy(model: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", "-c", GREEDY, model], capture_output=True, text=True)


def test_greedy_answer_is_the_same_twice_and_goes_on(tiny_model: Path) -> None:
    first, second = greedy(tiny_model), greedy(tiny_model)
    assert first.returncode == 0, first.stderr
    tokens = [int(line) for line in first.stdout.split()]
    assert first.stdout == second.stdout and len(tokens) == 24 and min(tokens) > 2
    assert len(set(tokens)) > 4, "says the same token over and over"


def test_another_seed_says_something_else(tiny_model: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other.gguf", seed=7)
    assert greedy(other).stdout != greedy(tiny_model).stdout


@pytest.mark.parametrize("write", [write_truncated, write_not_gguf], ids=["truncated", "not gguf"])
def test_bad_file_is_refused(write, tmp_path: Path) -> None:
    assert greedy(write(tmp_path / "bad.gguf")).returncode == 3
