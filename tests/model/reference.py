"""llama.cpp alone, with none of our code: what a greedy answer must be.

Must share nothing with the daemon but the library. Called by model tests, in a process of its own so
that the test process stays free of native threads.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

PROGRAM = """
import ctypes, sys
import llama_cpp as L

@L.llama_log_callback
def quiet(level, text, data): pass

L.llama_log_set(quiet, ctypes.c_void_p(0))
model = L.llama_model_load_from_file(sys.argv[1].encode(), L.llama_model_default_params())
params = L.llama_context_default_params()
params.n_ctx = 512
params.n_threads = params.n_threads_batch = 1
context = L.llama_init_from_model(model, params)
vocab = L.llama_model_get_vocab(model)
sampler = L.llama_sampler_init_greedy()
raw = sys.argv[2].encode()
tokens = (ctypes.c_int32 * (len(raw) + 8))()
count = L.llama_tokenize(vocab, raw, len(raw), tokens, len(tokens), not sys.argv[4:], bool(sys.argv[4:]))
out = b""
for _ in range(int(sys.argv[3])):
    assert L.llama_decode(context, L.llama_batch_get_one(tokens, count)) == 0
    tokens[0], count = L.llama_sampler_sample(sampler, context, -1), 1
    if L.llama_vocab_is_eog(vocab, tokens[0]): break
    piece = ctypes.create_string_buffer(64)
    length = L.llama_token_to_piece(vocab, tokens[0], piece, 64, 0, False)
    out += piece.raw[:length]
sys.stdout.buffer.write(out)
"""


@cache
def greedy_reference(model: Path, prompt: str, num_tokens: int, *, is_chat: bool = False) -> str:
    """The text that llama.cpp's own greedy sampler gives. `is_chat`: markers in the prompt are tokens."""
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(model),
        prompt,
        str(num_tokens),
        *(["chat"] if is_chat else []),
    ]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.decode(
        "utf-8", "replace"
    )
