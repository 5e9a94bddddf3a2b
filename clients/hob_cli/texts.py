"""Where many texts come from: the command line, or the lines of a file or a pipe.

Must never quote a text in an error. Used by commands/embed.py and commands/rerank.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from hob_client.errors import InvalidRequest

from hob_cli.prompts import decode, require_source

#: What one request may carry; the daemon takes more, but this keeps what comes back in view.
BATCH_TEXTS, BATCH_BYTES = 1024, 4 << 20


def read_texts(words: Sequence[str], file: Path | None) -> list[str]:
    """Each argument, or each line that is not empty. Arguments and lines do not mix."""
    if words and file is not None:
        raise click.UsageError("give texts as arguments or as lines of --file, not both")
    require_source(tuple(words), file)
    texts = list(words) or list(_lines(file))
    if not texts:
        raise InvalidRequest("there are no texts; give one an argument, or one a line")
    return texts


def batches(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Parts that fit into one request, each with the place of its first text."""
    start, batch, size = 0, list[str](), 0
    for number, text in enumerate(texts):
        num_bytes = len(text.encode("utf-8", "replace"))
        if batch and (len(batch) == BATCH_TEXTS or size + num_bytes > BATCH_BYTES):
            yield start, batch
            start, batch, size = number, [], 0
        batch.append(text)
        size += num_bytes
    if batch:
        yield start, batch


def _lines(file: Path | None) -> Iterator[str]:
    source = "stdin" if file is None else str(file)
    try:
        data = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{source} cannot be read: {error.strerror}; name another --file") from None
    for number, line in enumerate(data.split(b"\n"), start=1):
        text = decode(line, f"line {number} of {source}", exact=True).rstrip("\r")
        if text.strip():
            yield text
