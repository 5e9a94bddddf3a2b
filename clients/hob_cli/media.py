"""Images and sounds from files, for a model that sees or hears.

Must never decode one: the daemon does, where that can do no harm. Used by commands/run.py and slash.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from hob_client.errors import InvalidRequest

if TYPE_CHECKING:
    from hob_client.values import Media

_MAX_BYTES = 12 << 20  # of a request; the daemon counts them too
Command = TypeVar("Command", bound=Callable[..., Any])


def media_options(command: Command) -> Command:
    """`--image FILE` and `--audio FILE`, each as often as wanted."""
    for name, kind, about in (
        ("--audio", "sounds", "Let the model hear a WAV file."),
        ("--image", "images", "Show the model an image file (PNG, JPEG, GIF, WebP, BMP)."),
    ):
        option = click.option(
            name, kind, type=click.Path(path_type=Path), multiple=True, metavar="FILE", help=about
        )
        command = option(command)
    return command


def read_media(paths: Sequence[Path]) -> list[Media]:
    """Raises InvalidRequest for a file that cannot be read or is too large to be taken."""
    from hob_client.values import Media

    media: list[Media] = []
    for path in paths:
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise InvalidRequest(f"{path} is over {_MAX_BYTES >> 20} MiB; make it smaller")
            media.append(Media(data=path.read_bytes()))
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be read: {error.strerror}; name another file") from None
    return media
