"""The options that give an answer its shape, and the files they are read from.

Must never quote a schema or grammar in an error. Used by commands/run.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from hob_client.errors import InvalidRequest

from hob_cli.prompts import decode


def _schema_text(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A schema is an object; anything else names a file."""
    if value is None or value.lstrip().startswith("{"):
        return value
    return _read(Path(value), "--json-schema")


def _files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


_OPTIONS = (
    click.option("--json-answer", is_flag=True, default=None, help="Answer with JSON."),
    click.option(
        "--json-schema",
        metavar="SCHEMA|FILE",
        callback=_schema_text,
        shell_complete=_files,
        help="Answer with such JSON.",
    ),
    click.option("--regex", metavar="REGEX", help="Answer with what this matches."),
    click.option(
        "--grammar",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Answer with what this allows: Lark if named .lark, else GBNF.",
    ),
    click.option("--choice", multiple=True, metavar="TEXT", help="Answer with one of these. Repeatable."),
)


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--json-answer, --json-schema, --regex, --grammar and --choice; the client refuses two of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def shaped(options: dict[str, Any]) -> dict[str, Any]:
    """The same under the client's names: `--json` is taken, and a grammar goes by its language."""
    options["json"] = options.pop("json_answer")
    grammar: Path | None = options.pop("grammar")
    if grammar is not None:
        options["lark" if grammar.suffix == ".lark" else "gbnf"] = _read(grammar, "--grammar")
    return options


def _read(file: Path, option: str) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}; name another {option}") from None
    return decode(data, str(file), exact=True)
