"""Shows an answer while it comes: as text, or as one JSON object a line.

Must never import rich on the way of the text, nor keep the text longer than the answer lasts.
Used by commands/run.py and commands/chat.py.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from hob_cli.calls import CallPrinter
from hob_cli.render import describe_receipt, print_json, print_note, record
from hob_cli.terminal import Writer
from hob_cli.waiting import Waiting

if TYPE_CHECKING:
    from hob_client.events import Delta, Event


class TextPrinter:
    """The answer on stdout, and calls one a line below it; all else on stderr."""

    def __init__(self, *, stats: bool = False) -> None:
        self._stats = stats
        self._waiting = Waiting()
        self._answer = Writer(sys.stdout)
        self._thoughts = Writer(sys.stderr, is_dim=True)
        self._calls = CallPrinter()

    def show(self, event: Event) -> None:
        if event.kind == "delta":
            self._waiting.close()
            self._write(event)
        elif event.kind == "tool_call":
            self._waiting.close()
            self._thoughts.end()
            self._answer.finish_line()
            self._calls.show(event)
        elif event.kind == "progress":
            if not (self._answer.is_mid_line or self._thoughts.is_mid_line):
                self._waiting.show(event)
        else:
            self._show_rest(event)

    def _write(self, delta: Delta) -> None:
        if delta.is_reasoning:
            self._thoughts.write(delta.text)
        elif delta.text:
            self._thoughts.end()
            self._calls.close()
            self._answer.write(delta.text)

    def _show_rest(self, event: Event) -> None:
        if event.kind == "warning":
            self._waiting.close()
            print_note(f"warning: {event.message}")
        elif event.kind == "done" and self._stats:
            self.close()
            print_note(describe_receipt(event.receipt))

    def close(self) -> None:
        self._waiting.close()
        self._thoughts.end()
        self._calls.close()
        self._answer.end()


class JsonPrinter:
    """Every event on stdout, one object a line: {"event": "delta", "text": "...", ...}."""

    def show(self, event: Event) -> None:
        print_json({"event": event.kind, **record(event)})

    def close(self) -> None:
        pass


def show_answer(events: Generator[Event, None, None], *, as_json: bool, stats: bool) -> None:
    """Show all events. Whatever stops us midway also stops the request."""
    printer = JsonPrinter() if as_json else TextPrinter(stats=stats)
    with closing(events), closing(printer):
        for event in events:
            printer.show(event)
