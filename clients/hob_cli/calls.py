"""The options for tools and reasoning, and calls as lines of JSON.

Must never run a tool, nor quote a file of tools in an error. Used by commands/run.py, commands/chat.py and
answering.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hob_client.errors import InvalidRequest

from hob_cli.prompts import decode
from hob_cli.render import print_json

if TYPE_CHECKING:
    from hob_client.events import ToolCallDelta


def _read_tools(context: click.Context, parameter: click.Parameter, file: Path | None) -> list[Any] | None:
    """A list of tools, or a single one, as hob_client takes them."""
    if file is None:
        return None
    return read_tools(file)


def read_tools(file: Path) -> list[Any]:
    """Raises InvalidRequest."""
    try:
        text = decode(file.read_bytes(), str(file), exact=True)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}; name another --tools") from None
    try:
        tools = json.loads(text)
    except (ValueError, RecursionError):
        tools = None  # told below: the error would carry the text along
    if not isinstance(tools, list | dict):
        raise InvalidRequest(f"{file} is not a JSON list of tools; mend it, or name another --tools")
    return tools if isinstance(tools, list) else [tools]


def _folder_or_tools(
    context: click.Context, parameter: click.Parameter, path: Path | None
) -> Path | list[Any] | None:
    """A folder to work in stays one; a file is read."""
    return path if path is None or path.is_dir() else read_tools(path)


_TOOLS = click.option(
    "--tools",
    type=click.Path(path_type=Path),
    callback=_read_tools,
    metavar="FILE",
    help="Tools that the model may ask for, as JSON; calls are printed one a line.",
)
_WORKING_TOOLS = click.option(
    "--tools",
    type=click.Path(path_type=Path),
    callback=_folder_or_tools,
    is_flag=False,
    flag_value=".",
    metavar="[DIR|FILE]",
    help="Let the model work in this directory, or DIR: it reads and changes files when you say yes "
    "(`hob tools` shows what it may). With a FILE of tools as JSON, its calls are printed instead.",
)
_OPTIONS = (
    click.option("--tool-choice", metavar="WHICH", help="auto, none, required, or the name of a tool."),
    click.option("--parallel-tool-calls", is_flag=True, default=None, help="More than one call at once."),
    click.option("--reasoning/--no-reasoning", default=None, help="Think aloud first, on stderr, or do not."),
    click.option("--max-reasoning-tokens", type=int, help="End the reasoning after so many tokens."),
)
#: The parameters that only a chat has.
CHAT_ONLY = ("tools", "tool_choice", "parallel_tool_calls", "reasoning", "max_reasoning_tokens")


def call_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--tools, --tool-choice, --parallel-tool-calls, --reasoning and --max-reasoning-tokens."""
    return _apply((_TOOLS, *_OPTIONS), command)


def working_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a chat, whose --tools may name a folder to work in."""
    return _apply((_WORKING_TOOLS, *_OPTIONS), command)


def _apply(options: tuple[Callable[..., Any], ...], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


class CallPrinter:
    """Prints each call when it is whole: {"id": "...", "name": "...", "arguments": {...}}."""

    def __init__(self) -> None:
        self._pieces: list[ToolCallDelta] = []

    def show(self, piece: ToolCallDelta) -> None:
        if piece.id:
            self.close()
        self._pieces.append(piece)

    def close(self) -> None:
        """What is cut off is told as it is: arguments that cannot be read are printed as text."""
        if not self._pieces:
            return
        first, text = self._pieces[0], "".join(piece.arguments for piece in self._pieces)
        self._pieces = []
        print_call(first.id, first.name, text)


def print_call(id: str, name: str, text: str) -> None:
    try:
        arguments = json.loads(text)
    except ValueError:
        arguments = text
    print_json({"id": id, "name": name, "arguments": arguments})
