"""What a model says may be read, not drive the terminal."""

from __future__ import annotations

import io

import pytest
from hob_cli.terminal import Writer, visible


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)], ids=hex)
def test_control_characters_are_made_visible(code: int) -> None:
    expected = chr(code) if chr(code) in "\n\t" else f"\\x{code:02x}"
    assert visible(f"a{chr(code)}b") == f"a{expected}b"


def test_other_text_is_untouched() -> None:
    assert visible("naïve 日本 🙂\u00a0~") == "naïve 日本 🙂\u00a0~"


def test_terminal_gets_visible_text_and_a_last_newline() -> None:
    screen = Screen()
    writer = Writer(screen)
    writer.write("\x1b[31m")
    writer.end()
    assert screen.getvalue() == "\\x1b[31m\n"


def test_newline_that_is_there_is_not_doubled() -> None:
    screen = Screen()
    writer = Writer(screen)
    writer.write("done\n")
    writer.end()
    assert screen.getvalue() == "done\n"


@pytest.mark.parametrize(("text", "is_mid_line"), [("", False), ("half", True), ("whole\n", False)])
def test_nothing_is_drawn_behind_half_a_line(text: str, is_mid_line: bool) -> None:
    screen, pipe = Writer(Screen()), Writer(io.StringIO())
    screen.write(text)
    pipe.write(text)
    assert screen.is_mid_line is is_mid_line and not pipe.is_mid_line


def test_pipe_gets_the_text_as_it_is() -> None:
    pipe = io.StringIO()
    writer = Writer(pipe)
    writer.write("\x1b[31m")
    writer.end()
    assert pipe.getvalue() == "\x1b[31m"
