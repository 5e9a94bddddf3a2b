"""The options of `hob chat` for saving: where, for whom to read, and from where to go on.

Must save nothing that was not asked for, and must say aloud when it makes a key. Used by commands/chat.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from hob_client.errors import InvalidRequest

from hob_cli import saving, sealing
from hob_cli.conversation import Conversation
from hob_cli.render import print_note
from hob_cli.saving import Saver
from hob_cli.sealing import Lock

_PATH = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--save", type=_PATH, metavar="PATH", help="Save the conversation, encrypted."),
    click.option("--resume", type=_PATH, metavar="PATH", help="Go on with a saved conversation."),
    click.option(
        "--recipient", "recipients", multiple=True, metavar="AGE1...", help="Who can read it. Repeatable."
    ),
    click.option("--identity", type=_PATH, metavar="FILE", help="The key that opens what is resumed."),
    click.option("--passphrase", is_flag=True, help="Ask for a passphrase instead of using a key."),
    click.option("--plain", is_flag=True, help="Save without encryption."),
)
_NAMES = ("save", "resume", "recipients", "identity", "passphrase", "plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line says of saving."""

    save: Path | None = None
    resume: Path | None = None
    recipients: tuple[str, ...] = ()
    identity: Path | None = None
    passphrase: bool = False
    plain: bool = False


def keeping_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wish_of(options: dict[str, Any]) -> Wish:
    """Takes its own out of the options. Raises InvalidRequest."""
    wish = Wish(**{name: options.pop(name) for name in _NAMES})
    if sum((bool(wish.recipients), wish.passphrase, wish.plain)) > 1:
        raise InvalidRequest("--recipient, --passphrase and --plain exclude each other; choose one")
    return wish


def take_up(conversation: Conversation, wish: Wish) -> None:
    """Restores what is resumed, and opens the place to save to. Raises InvalidRequest."""
    if wish.resume is not None:
        is_locked = sealing.wants_passphrase(saving.read(wish.resume))
        passphrase = _ask(confirm=False) if is_locked else ""
        told = saving.load(wish.resume, identity=wish.identity, passphrase=passphrase)
        saving.restore(conversation, told, wish.resume)
        print_note(f"{wish.resume}: {len(conversation.turns)} turns")
    if wish.save is not None:
        conversation.saver = open_place(wish.save, wish)


def open_place(path: Path, wish: Wish) -> Saver:
    """Says aloud how what is saved there is locked. Raises InvalidRequest."""
    is_same = wish.resume is not None and path.absolute() == wish.resume.absolute()
    Saver(path, Lock(), may_replace=is_same)  # before anybody types a passphrase, or a key is made
    return Saver(path, _lock(wish), may_replace=is_same)


def _lock(wish: Wish) -> Lock:
    if wish.plain:
        print_note("what is saved is NOT encrypted: whoever can read the file can read the conversation")
        return Lock()
    if wish.passphrase:
        return Lock(passphrase=_ask(confirm=True))
    if wish.recipients:
        lock = Lock(recipients=wish.recipients)
        sealing.seal(b"", lock)  # a recipient that is none is told before anything is said
        return lock
    recipient, is_new = sealing.own_recipient()
    if is_new:
        print_note(
            f"made a key for saved conversations, {sealing.key_path()}; "
            "without it nobody can read them, so keep a copy"
        )
    return Lock(recipients=(recipient,))


def _ask(*, confirm: bool) -> str:
    told: str = click.prompt("passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return told
