"""`hob run`: one prompt, one answer.

Must launch the daemon before anything else that takes time. Called by main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hob_cli.answering import show_answer
from hob_cli.calls import CHAT_ONLY, call_options
from hob_cli.connection import Connection
from hob_cli.media import media_options, read_media
from hob_cli.options import chosen, connection_options, model_option, parameter_options
from hob_cli.prompts import read_prompt, require_source
from hob_cli.shapes import shape_options, shaped


@click.command("run")
@click.argument("prompt", nargs=-1)
@model_option
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Read the prompt from a file.")
@click.option("--system", default="", metavar="TEXT", help="A system prompt.")
@click.option("--raw", is_flag=True, help="Continue the text as it is, without the chat template.")
@click.option(
    "-n", "--answers", "num_answers", type=int, metavar="N", help="So many answers to the one prompt."
)
@click.option("--stats", is_flag=True, help="Say on stderr what the answer took.")
@media_options
@shape_options
@call_options
@parameter_options
@connection_options
@click.pass_obj
def command(
    connection: Connection,
    /,
    prompt: tuple[str, ...],
    model: str,
    file: Path | None,
    system: str,
    raw: bool,
    stats: bool,
    images: tuple[Path, ...],
    sounds: tuple[Path, ...],
    **options: Any,
) -> None:
    """Answer one prompt.

    The prompt is the argument, a --file, or what is piped in; a pipe beside an argument follows it
    after a blank line. What the model thinks aloud goes to stderr. With --json, every event is one JSON
    object a line. Ctrl-C ends the answer.
    """
    if raw and system:
        raise click.UsageError("--system needs the chat template, which --raw leaves out")
    if raw and (images or sounds):
        raise click.UsageError("--image and --audio need the chat template, which --raw leaves out")
    parameters = chosen(shaped(options))
    if raw and (lost := [name for name in CHAT_ONLY if name in parameters]):
        raise click.UsageError(
            f"--{lost[0].replace('_', '-')} needs the chat template, which --raw leaves out"
        )
    require_source(prompt, file)
    starting = connection.begin(preload=model)
    text = read_prompt(prompt, file, exact=raw)
    media = read_media([*images, *sounds])
    with connection.client(starting) as client:
        if raw:
            events = client.generate(model, text, **parameters)
        else:
            events = client.chat(model, _messages(system, text, media), **parameters)
        num_answers = parameters.get("num_answers", 1)
        show_answer(events, as_json=connection.as_json, stats=stats, num_answers=num_answers)


def _messages(system: str, text: str, media: list[Any]) -> list[Any]:
    turns = [{"role": "system", "content": system}] if system else []
    return [*turns, {"role": "user", "content": [*media, text] if media else text}]
