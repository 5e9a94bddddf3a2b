"""Where the lines of a chat come from: a terminal, or a pipe.

Must never write history to disk. Used by commands/chat.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hob_cli.prompts import decode

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.key_binding.key_processor import KeyPressEvent


def piped_lines() -> Iterator[str]:
    """One turn a line, until the pipe ends."""
    for number, line in enumerate(sys.stdin.buffer, start=1):
        yield decode(line, f"line {number} of stdin", exact=False)


def terminal_lines() -> Iterator[str]:
    """One turn an Enter, with history and editing keys, until Ctrl-D. Ctrl-C drops the line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory

    editor: PromptSession[str] = PromptSession(
        history=InMemoryHistory(),
        key_bindings=_keys(),
        multiline=True,
        prompt_continuation="... ",
    )
    while True:
        try:
            yield editor.prompt(">>> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _keys() -> KeyBindings:
    """In multi-line mode Enter breaks the line and Alt-Enter sends; a chat wants the reverse."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def break_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
