"""The yardstick: llama.cpp's own decode loop without hob, in a process of its own.

Must import nothing of hob. Run by benchmarks/cost.py as `python raw_loop.py MODEL NUM_STREAMS
NUM_TOKENS NUM_THREADS`; prints one JSON object. With 0 tokens it prints the seconds to a first token for each
line that it is given.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time

BORN = time.perf_counter()

import llama_cpp as L  # noqa: E402
import numpy as np  # noqa: E402

CONTEXT, BATCH = 8192, 512


def prompts(num_streams: int) -> list[str]:
    """The same prompts that the stack is asked."""
    return [f"Stream {index}: the history of the number {index} begins" for index in range(num_streams)]


@L.llama_log_callback
def quiet(level: int, text: bytes, data: object) -> None:
    pass


class Loop:
    def __init__(self, path: str, num_streams: int, num_threads: int) -> None:
        L.llama_log_set(quiet, ctypes.c_void_p(0))
        L.llama_backend_init()
        self.model = L.llama_model_load_from_file(path.encode(), L.llama_model_default_params())
        params = L.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = CONTEXT, BATCH, BATCH
        params.n_seq_max, params.kv_unified = max(num_streams, 1), True
        params.n_threads = params.n_threads_batch = num_threads
        self.context = L.llama_init_from_model(self.model, params)
        self.vocab = L.llama_model_get_vocab(self.model)
        self.size = L.llama_vocab_n_tokens(self.vocab)
        self.batch = L.llama_batch_init(BATCH, 0, 1)

    def tokens(self, text: str) -> list[int]:
        raw = text.encode()
        out = (ctypes.c_int32 * (len(raw) + 8))()
        count = L.llama_tokenize(self.vocab, raw, len(raw), out, len(out), True, False)
        return list(out[:count])

    def decode(self, rows: list[tuple[int, int, int, bool]]) -> list[int]:
        """(token, position, stream, wants logits) -> the likeliest token of each wanted row."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (token, position, stream, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
            batch.seq_id[i][0], batch.logits[i] = stream, wanted
        if L.llama_decode(self.context, batch):
            raise SystemExit("llama_decode failed")
        wanted_rows = sum(row[3] for row in rows)
        logits = np.ctypeslib.as_array(L.llama_get_logits(self.context), (wanted_rows, self.size))
        return logits.argmax(axis=1).tolist()

    def run(self, texts: list[str], num_tokens: int) -> dict[str, float]:
        """Prefills all, then decodes all together."""
        L.llama_memory_clear(L.llama_get_memory(self.context), True)
        began = time.perf_counter()
        lengths, last, rows = [], [], []
        for stream, text in enumerate(texts):
            ids = self.tokens(text)
            lengths.append(len(ids))
            rows += [(t, p, stream, p == len(ids) - 1) for p, t in enumerate(ids)]
        last = self.decode(rows)
        first = time.perf_counter()
        for step in range(num_tokens - 1):
            last = self.decode([(t, lengths[s] + step, s, True) for s, t in enumerate(last)])
        ended = time.perf_counter()
        return {
            "first_token_s": first - began,
            "decode_tokens_per_s": len(texts) * (num_tokens - 1) / (ended - first),
            "tokens_per_s": len(texts) * num_tokens / (ended - began),
        }


def main() -> None:
    path, num_streams, num_tokens, num_threads = sys.argv[1], *map(int, sys.argv[2:5])
    loop = Loop(path, num_streams, num_threads)
    if num_tokens == 0:
        for _ in sys.stdin:
            print(loop.run(prompts(1), 1)["first_token_s"], flush=True)
        return
    cold = loop.run(prompts(1), 1)
    since_born = time.perf_counter() - BORN
    result = loop.run(prompts(num_streams), num_tokens) if num_tokens > 1 else cold
    print(json.dumps(result | {"cold_first_token_s": since_born}))


if __name__ == "__main__":
    main()
