"""`hob chat`: many turns.

Must never write a word of it to disk but where the user says so (saving.py). Called by main.py.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hob_client.errors import HobError

from hob_cli.answering import show_answer
from hob_cli.calls import working_options
from hob_cli.connection import Connection
from hob_cli.conversation import Conversation
from hob_cli.keeping import keeping_options, take_up, wish_of
from hob_cli.lines import piped_lines, terminal_lines
from hob_cli.options import chosen, connection_options, model_option, parameter_options
from hob_cli.render import print_error, print_note

if TYPE_CHECKING:
    from hob_client.client import Client

    from hob_cli.working import Workbench

_GREETING = (
    "Enter sends, Alt-Enter starts a new line, Ctrl-C stops an answer, Ctrl-D leaves; /help tells more"
)


@click.command("chat")
@model_option
@click.option("--system", default="", metavar="TEXT", help="A system prompt.")
@click.option("--stats", is_flag=True, help="Say on stderr what each answer took.")
@keeping_options
@working_options
@parameter_options
@connection_options
@click.pass_obj
def command(connection: Connection, /, model: str, system: str, stats: bool, **options: Any) -> None:
    """Talk with a model. Nothing is written to disk without --save.

    What is piped in is taken as one turn a line, and the first error ends it. When the model has called
    tools of a FILE, the next lines are their results, one for each call.
    """
    wish = wish_of(options)
    folder = options.pop("tools") if isinstance(options["tools"], Path) else None
    conversation = Conversation(model=model, system=system, parameters=chosen(options))
    take_up(conversation, wish)
    bench = _bench(connection, folder, stats) if folder is not None else None
    starting = connection.begin(preload=conversation.model)
    with ExitStack() as stack:
        client = stack.enter_context(connection.client(starting))
        if bench is not None:
            stack.enter_context(bench).open(conversation.model)
        chat = _Chat(client, conversation, bench, as_json=connection.as_json, stats=stats)
        try:
            if sys.stdin.isatty():
                chat.talk()
            else:
                chat.obey()
        finally:
            if conversation.saver is not None and conversation.saver.lock.is_slow:
                conversation.saver.save(conversation)


def _bench(connection: Connection, folder: Path, stats: bool) -> Workbench:
    """Raises HobError for a policy or a folder that is none, before anything is started."""
    from hob_client.agent.policy_file import read_policy

    from hob_cli.working import Workbench

    return Workbench(
        connection.path(),
        folder,
        read_policy(),
        start=connection.start,
        can_ask=sys.stdin.isatty(),
        as_json=connection.as_json,
        stats=stats,
    )


class _Chat:
    def __init__(
        self,
        client: Client,
        conversation: Conversation,
        bench: Workbench | None,
        *,
        as_json: bool,
        stats: bool,
    ) -> None:
        self._client = client
        self._conversation = conversation
        self._bench = bench
        self._as_json = as_json
        self._stats = stats

    def talk(self) -> None:
        """With somebody at a terminal: errors are told, and the chat goes on."""
        print_note(_GREETING)
        for line in terminal_lines():
            try:
                if not self._take(line):
                    return
            except KeyboardInterrupt:
                continue
            except HobError as error:
                print_error(error, as_json=self._as_json)

    def obey(self) -> None:
        """From a pipe."""
        for line in piped_lines():
            if not self._take(line):
                return

    def _take(self, line: str) -> bool:
        """Whether the chat goes on."""
        from hob_cli import slash

        if not line.strip():
            return True
        try:
            if not slash.is_command(line):
                raise slash.Ask(line)
            print(slash.run(self._conversation, line), file=sys.stderr)
        except slash.Ask as ask:
            self._answer(ask.question)
        except slash.Leave:
            return False
        return True

    def _answer(self, question: str) -> None:
        talk = self._conversation
        talk.say(question)
        if talk.is_waiting:
            return
        if self._bench is not None:
            self._bench.answer(talk)
        else:
            events = talk.listen(self._client.chat(talk.model, talk.messages(), **talk.parameters))
            show_answer(events, as_json=self._as_json, stats=self._stats)
        if talk.saver is not None and not talk.saver.lock.is_slow:
            talk.saver.save(talk)  # each answer, so that a power cut takes none of those before
        if not self._as_json and not sys.stdout.isatty():
            print(flush=True)  # answers of a pipe, one below the other
