"""`hob embed`: texts in, vectors out.

Must print vectors in the order of the texts, as they are ready. Called by main.py.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hob_cli.connection import Connection
from hob_cli.options import chosen, connection_options, model_option, treatment_options
from hob_cli.render import print_json, print_note, record
from hob_cli.texts import batches, read_texts
from hob_cli.waiting import Waiting

if TYPE_CHECKING:
    from hob_client.events import Progress
    from hob_client.values import Embedding


@click.command("embed")
@click.argument("texts", nargs=-1)
@model_option
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Read texts, one a line.")
@click.option("--pooling", type=click.Choice(["mean", "cls", "last"]), help="Default: the model's own.")
@click.option("--dimensions", type=int, metavar="N", help="Keep the first N numbers.")
@click.option("--no-normalize", is_flag=True, help="Do not make the vectors' length 1.")
@click.option(
    "--chunk-long-inputs", is_flag=True, help="Cut texts longer than the model's context, and take the mean."
)
@click.option("--stats", is_flag=True, help="Say on stderr what it took.")
@treatment_options
@connection_options
@click.pass_obj
def command(
    connection: Connection,
    /,
    texts: tuple[str, ...],
    model: str,
    file: Path | None,
    no_normalize: bool,
    chunk_long_inputs: bool,
    stats: bool,
    **options: Any,
) -> None:
    """Turn texts into vectors.

    Texts are the arguments, or the lines of a --file or of what is piped in. A vector is a line of
    numbers; with --json it is an object that names its text by its place.
    """
    all_texts = read_texts(texts, file)
    wishes = chosen(options) | {
        "normalize": not no_normalize,
        "chunk_long_inputs": chunk_long_inputs,
    }
    printer = _Printer(len(all_texts), as_json=connection.as_json, stats=stats)
    starting = connection.begin(preload=model)
    with connection.client(starting) as client, closing(printer):
        for start, batch in batches(all_texts):
            with closing(client.embed_each(model, batch, **wishes)) as steps:
                for step in steps:
                    printer.show(step, start, len(batch))


class _Printer:
    """Vectors on stdout in the order of the texts, all else on stderr."""

    def __init__(self, num_texts: int, *, as_json: bool, stats: bool) -> None:
        self._num_texts = num_texts
        self._as_json = as_json
        self._stats = stats
        self._waiting = Waiting()
        self._early: dict[int, Embedding] = {}  # came before their turn
        self._next = 0

    def show(self, step: Any, start: int, num_inputs: int) -> None:
        """One step of a request whose first text is number `start` of all."""
        if step.kind == "embedding":
            self._early[start + step.input] = step
            while (embedding := self._early.pop(self._next, None)) is not None:
                self._print(self._next, embedding)
                self._next += 1
        elif step.kind == "progress" and step.stage == "prefill":
            self._show_progress(step, (start + step.fraction * num_inputs) / self._num_texts)
        elif step.kind == "progress":
            self._waiting.show(step)
        elif self._stats:
            self._waiting.close()
            print_note(
                f"{num_inputs} texts, {step.num_prompt_tokens} tokens in {step.prefill_ms} ms; "
                f"waited {step.queue_ms} ms (loading {step.load_ms} ms); model {step.model}"
            )

    def _show_progress(self, step: Progress, fraction: float) -> None:
        """A bar, unless the vectors themselves run over the same terminal."""
        if sys.stdout.isatty():
            self._waiting.close()
        else:
            self._waiting.show(replace(step, stage="embedding", fraction=fraction))

    def _print(self, number: int, embedding: Embedding) -> None:
        if self._as_json:
            print_json(record(replace(embedding, input=number)))
        else:
            print(" ".join(f"{value:.7g}" for value in embedding.values), flush=True)

    def close(self) -> None:
        self._waiting.close()
