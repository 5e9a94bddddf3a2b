"""`hob rerank`: which documents answer a query best.

Must leave scoring to the model. Called by main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hob_cli.connection import Connection
from hob_cli.options import chosen, connection_options, model_option, treatment_options
from hob_cli.render import print_json, record
from hob_cli.terminal import visible
from hob_cli.texts import read_texts


@click.command("rerank")
@click.argument("query")
@click.argument("documents", nargs=-1)
@model_option
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Read documents, one a line.")
@click.option("--top", "top_n", type=int, metavar="N", help="Show only the best N.")
@treatment_options
@connection_options
@click.pass_obj
def command(
    connection: Connection,
    /,
    query: str,
    documents: tuple[str, ...],
    model: str,
    file: Path | None,
    top_n: int | None,
    **options: Any,
) -> None:
    """Order documents by how well they answer a query.

    Documents are the arguments after the query, or the lines of a --file or of what is piped in. Each
    is shown with its score and its place, the best first. Scores of one model compare with each other only.
    """
    texts = read_texts(documents, file)
    starting = connection.begin(preload=model)
    with connection.client(starting) as client:
        ranking = client.rerank(model, query, texts, top_n=top_n, **chosen(options))
    if connection.as_json:
        print_json(record(ranking))
        return
    for ranked in ranking.ranking:
        print(f"{ranked.score:8.4f}  {ranked.document:4}  {visible(texts[ranked.document])}")
