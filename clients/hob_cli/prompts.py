"""Where the text of a prompt comes from: the command line, a file, a pipe.

Must never quote the text in an error: it names the byte where it went wrong. Used by commands/run.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from hob_client.errors import InvalidRequest


def require_source(words: tuple[str, ...], file: Path | None) -> None:
    """Fail early, before anything is started, if there is no prompt to come."""
    if not words and file is None and not _is_piped():
        raise click.UsageError("there is no prompt: give one, name a --file, or pipe one in")


def read_prompt(words: tuple[str, ...], file: Path | None, *, exact: bool) -> str:
    """The argument, the file and the pipe, those that are there, in this order with a blank line between.

    `exact`: keep the newline that editors and `echo` put at the end.
    """
    texts = [" ".join(words)]
    if file is not None:
        texts.append(decode(_read_file(file), str(file), exact=exact))
    if _is_piped() and (words or file is None):
        texts.append(decode(sys.stdin.buffer.read(), "stdin", exact=exact))
    prompt = "\n\n".join(text for text in texts if text)
    if not prompt:
        raise InvalidRequest("the prompt is empty; say something")
    return prompt


def _is_piped() -> bool:
    return sys.stdin is not None and not sys.stdin.isatty()


def _read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}; name another --file") from None


def decode(data: bytes, source: str, *, exact: bool) -> str:
    """The text of bytes from outside; without the newline at its end unless `exact`.

    A fault is told outside of the `except`: the decoder's own error carries all of the text along.
    """
    bad = _first_invalid(data)
    if bad is not None:
        raise InvalidRequest(f"{source} is not valid UTF-8 at byte {bad}; convert it first, as with iconv")
    text = data.decode("utf-8")
    return text if exact else text.rstrip("\n")


def _first_invalid(data: bytes) -> int | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None
