"""What a constraint costs beside a decode step: `python -m benchmarks.constraint [--tokens N] [--threads N]`.

Must time the worker's own engine and sampler in one process, step by step beside each other, so that only
the ratio matters. Needs the starter model in place.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

from hob.address import data_dir
from hobd.wire.messages import Constraint, Sampling
from hobd.worker import llama_engine
from hobd.worker.engine import Sampler, Settings, Slice
from rich.console import Console
from rich.table import Table

SCHEMA = (
    '{"type": "object", "properties": {"title": {"type": "string"}, "year": {"type": "integer"}, '
    '"tags": {"type": "array", "items": {"type": "string"}}}, "required": ["title", "year", "tags"]}'
)
GBNF = 'root ::= line+\nline ::= "- " [a-z ]+ "\\n"'
CONSTRAINTS = {
    "any JSON": Constraint("json", ""),
    "schema": Constraint("json_schema", SCHEMA),
    "regex": Constraint("regex", "([A-Z][a-z]+ ?){200}"),
    "GBNF list": Constraint("gbnf", GBNF),
    "100 choices": Constraint("choice", json.dumps([f"number {i} of many more" for i in range(100)])),
}
PROMPT = "Describe the history of the number seven: "
SAMPLINGS = {"greedy": Sampling(temperature=0), "sampled": Sampling(seed=7)}


class Bench:
    """One sequence on lane 0 of a real engine."""

    def __init__(self, model: Path, num_threads: int) -> None:
        settings = Settings(context_tokens=1024, num_threads=num_threads, num_cache_lanes=0)
        self._engine = llama_engine.load(os.open(model, os.O_RDONLY), settings, lambda fraction: None)
        self._prompt = self._engine.tokenize(PROMPT, add_special=True, parse_special=False)

    def compile_ms(self, constraint: Constraint) -> float:
        began = time.perf_counter()
        sampler = self._engine.new_sampler(SAMPLINGS["greedy"], self._prompt, constraint)
        assert sampler is not None
        sampler.close()
        return 1000 * (time.perf_counter() - began)

    def answer(
        self, sampling: Sampling, constraint: Constraint | None, num_tokens: int
    ) -> tuple[list[float], list[float]]:
        """Microseconds of each step's decode, and of choosing its token."""
        engine = self._engine
        sampler = engine.new_sampler(sampling, self._prompt, constraint)
        engine.forget(0)
        tokens, position = list(self._prompt), 0
        decodes, choices = [], []
        for step in range(num_tokens):
            began = time.perf_counter()
            engine.decode([Slice(0, position, tokens, True)])
            engine.rows()  # reading waits for the end of the computation
            decoded = time.perf_counter()
            token = self._choose(sampler, step)
            decodes.append(1e6 * (decoded - began))
            choices.append(1e6 * (time.perf_counter() - decoded))
            if engine.is_end(token):
                break
            position += len(tokens)
            tokens = [token]
        if sampler is not None:
            sampler.close()
        return decodes[1:], choices[1:]  # the first step is the prompt's

    def _choose(self, sampler: Sampler | None, step: int) -> int:
        if sampler is None:
            return self._engine.greedy(1)[0]
        token = sampler.draw(0, step)
        sampler.accept(token)
        return token


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.constraint")
    parser.add_argument("--model", type=Path, default=data_dir() / "models" / "smollm2-135m-instruct.gguf")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are")
    arguments = parser.parse_args()
    bench = Bench(arguments.model, arguments.threads)
    print(f"the first constraint, with its tokenizer: {bench.compile_ms(CONSTRAINTS['any JSON']):.0f} ms")
    Console(width=120).print(measure(bench, arguments.tokens))


def measure(bench: Bench, num_tokens: int) -> Table:
    table = Table(
        "constraint", "tokens", "compile", "steps", "decode", "choose", "more than free", "of a step"
    )
    for name, sampling in SAMPLINGS.items():
        _, free = bench.answer(sampling, None, num_tokens)
        for title, constraint in CONSTRAINTS.items():
            compile_ms = bench.compile_ms(constraint)
            decodes, choices = bench.answer(sampling, constraint, num_tokens)
            decode, choose = statistics.median(decodes), statistics.fmean(choices)
            more = choose - statistics.fmean(free)
            table.add_row(
                title,
                name,
                f"{compile_ms:.1f} ms",
                str(len(choices)),
                f"{decode / 1000:.2f} ms",
                f"{choose:.0f} µs (most {max(choices):.0f})",
                f"{more:+.0f} µs",
                f"{100 * more / decode:+.1f} %",
            )
    return table


if __name__ == "__main__":
    main()
