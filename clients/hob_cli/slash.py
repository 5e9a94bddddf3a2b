"""The /commands of `hob chat`.

Must only change the conversation; asking and showing is chat.py's. Called by commands/chat.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hob_client.errors import InvalidRequest
from hob_client.parameters import build_parts

from hob_cli.conversation import Conversation
from hob_cli.keeping import Wish, open_place
from hob_cli.media import read_media
from hob_cli.saving import Saver


class Leave(Exception):
    """The user wants to go."""


class Ask(Exception):
    """A question is to be asked now."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question


class Command(NamedTuple):
    help: str
    run: Callable[[Conversation, str], str]


def is_command(line: str) -> bool:
    return line.startswith("/")


def run(conversation: Conversation, line: str) -> str:
    """Do what the line says and return what to tell the user. Raises Leave, Ask, or InvalidRequest."""
    name, _, argument = line.partition(" ")
    if name not in COMMANDS:
        raise InvalidRequest(
            f"there is no command {name}; /help lists them, and a space before it makes it a question"
        )
    return COMMANDS[name].run(conversation, argument.strip())


def _help(conversation: Conversation, argument: str) -> str:
    return "\n".join(f"{name:<9} {command.help}" for name, command in COMMANDS.items())


def _system(conversation: Conversation, argument: str) -> str:
    conversation.system = argument
    return "the system prompt is set" if argument else "there is no system prompt now"


def _reset(conversation: Conversation, argument: str) -> str:
    conversation.reset()
    return "all turns are forgotten"


def _model(conversation: Conversation, argument: str) -> str:
    if argument:
        conversation.model = argument
    return f"the model is {conversation.model or 'the default one'}"


def _params(conversation: Conversation, argument: str) -> str:
    if argument == "reset":
        conversation.parameters.clear()
    else:
        conversation.parameters.update(_parse_parameters(argument))
    said = (f"{name}={json.dumps(value)}" for name, value in conversation.parameters.items())
    return " ".join(said) or "all parameters are the defaults"


def _parse_parameters(argument: str) -> dict[str, Any]:
    """`temperature=0.2 seed=7`. Raises InvalidRequest for what the client would refuse."""
    pairs = [word.partition("=") for word in argument.split()]
    parameters = {name: _parse_value(value) for name, _, value in pairs}
    build_parts(parameters)
    return parameters


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show(conversation: Conversation, argument: str) -> str:
    if not argument:
        raise InvalidRequest("name a file, as in /image photo.jpg")
    conversation.show(read_media([Path(argument).expanduser()]))
    return f"{argument} goes with your next question"


def _save(conversation: Conversation, argument: str) -> str:
    """Now, and after each answer from now on."""
    if argument:
        lock = conversation.saver.lock if conversation.saver else None
        conversation.saver = (
            Saver(Path(argument), lock) if lock is not None else open_place(Path(argument), Wish())
        )
    if conversation.saver is None:
        raise InvalidRequest("name a file, as in /save talk.age")
    conversation.saver.save(conversation)
    how = "encrypted" if conversation.saver.lock.is_closed else "NOT encrypted"
    return f"saved to {conversation.saver.path}, {how}; so will be what follows"


def _retry(conversation: Conversation, argument: str) -> str:
    question = conversation.take_back()
    if question is None:
        raise InvalidRequest("there is nothing to retry yet; ask something first")
    raise Ask(question)


def _exit(conversation: Conversation, argument: str) -> str:
    raise Leave


COMMANDS = {
    "/help": Command("this list", _help),
    "/system": Command("TEXT: set the system prompt; without TEXT, drop it", _system),
    "/reset": Command("forget all turns", _reset),
    "/model": Command("NAME: go on with another model", _model),
    "/params": Command("NAME=VALUE ...: set parameters; 'reset' for the defaults", _params),
    "/image": Command("FILE: show the model an image with your next question", _show),
    "/audio": Command("FILE: let the model hear a WAV file with your next question", _show),
    "/save": Command("PATH: save the conversation, encrypted, now and after each answer", _save),
    "/retry": Command("ask the last question again", _retry),
    "/exit": Command("leave, as Ctrl-D does", _exit),
}
