"""Shows what a model wants to do, asks whether it may, and shows what came of it.

Must show all of what is asked for, in characters that cannot pretend, and take nothing but a yes for a yes.
Used by working.py.
"""

from __future__ import annotations

import asyncio
import sys

from hob_client.agent import edits
from hob_client.agent.consent import Question, Reply, Word
from hob_client.agent.telling import unmasked
from hob_client.agent.values import Action, Call, Declined, Kind, Outcome

from hob_cli.render import print_json

_RED, _GREEN, _DIM, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
_MOST_SHOWN, _MOST_LINES = 200, 20  # characters of what went wrong; lines of what was said


def parse_word(text: str) -> Word | None:
    """`y`, `a`, `n`, or `n` and why; None if it is none of these."""
    first, _, rest = text.strip().partition(" ")
    replies = {"y": Reply.YES, "a": Reply.SESSION, "n": Reply.NO}
    words = {"yes": "y", "always": "a", "no": "n"}
    first = first.lower().rstrip(",:;.")
    reply = replies.get(words.get(first, first))
    if reply is None or (rest.strip() and reply is not Reply.NO):
        return None
    return Word(reply=reply, why=rest.strip())


class TextScreen:
    """All on stderr: the answer is data, this is talk."""

    def __init__(self) -> None:
        self._has_colour = sys.stderr.isatty()
        self._kind = Kind.NOTE  # of the call under way

    def begin(self, call: Call, action: Action) -> None:
        self._kind = action.kind
        self._say(f"* {unmasked(action.title, is_line=action.kind is not Kind.SHELL)}")
        if action.change is not None:
            for line in edits.difference(action.change):
                self._say(f"  {unmasked(line, is_line=True)}", _colour(line))

    def end(self, call: Call, outcome: Outcome) -> None:
        if outcome.is_done:
            self._tell(outcome.text)
            self._say(f"  done, {len(outcome.text)} characters for the model", _DIM)
        else:
            self._say(f"  {unmasked(outcome.text[:_MOST_SHOWN], is_line=True)}", _RED)

    def _tell(self, text: str) -> None:
        """What a command or a server said, so that who allowed it sees what it did."""
        if self._kind in (Kind.SHELL, Kind.MCP):
            lines = text.splitlines()
            for line in lines[:_MOST_LINES]:
                self._say(f"  | {unmasked(line, is_line=True)}", _DIM)
            if len(lines) > _MOST_LINES:
                self._say(f"  | ... {len(lines) - _MOST_LINES} more lines", _DIM)

    def decline(self, declined: Declined) -> None:
        self._say(f"* {unmasked(declined.name, is_line=True)}: {declined.why}", _RED)

    def _say(self, text: str, colour: str = "") -> None:
        is_plain = not (self._has_colour and colour)
        print(text if is_plain else f"{colour}{text}{_PLAIN}", file=sys.stderr, flush=True)


class JsonScreen:
    """One object a line, among those of the answers."""

    def begin(self, call: Call, action: Action) -> None:
        change = action.change
        difference = {"diff": edits.difference(change)} if change is not None else {}
        print_json({"event": "call", "id": call.id, "name": call.name, "title": action.title, **difference})

    def end(self, call: Call, outcome: Outcome) -> None:
        told = {"id": call.id, "name": call.name, "done": outcome.is_done, "text": outcome.text}
        print_json({"event": "result", **told})

    def decline(self, declined: Declined) -> None:
        told = {"id": declined.id, "name": declined.name, "done": False, "text": declined.why}
        print_json({"event": "result", **told})


async def ask_nobody(question: Question) -> Word:
    return Word(reply=Reply.NO, why="nobody is there who could be asked")


async def ask_person(question: Question) -> Word:
    """At the terminal. Ctrl-C stops the whole answer; the end of input is a no."""
    from prompt_toolkit import PromptSession

    session: PromptSession[str] = PromptSession()
    print(_explain(question), file=sys.stderr, flush=True)
    while True:
        try:
            word = parse_word(await session.prompt_async("  allow? "))
        except EOFError:
            return Word(reply=Reply.NO)
        except KeyboardInterrupt:
            word = None
            _stop()
            await asyncio.sleep(0)  # where the task is cancelled
        if word is not None:
            return word


def _explain(question: Question) -> str:
    scope = unmasked(question.action.scope, is_line=True)
    if question.holds_for_session:
        choices = f"y: yes, for this session ({scope}), n: no, and why"
    else:
        choices = f"y: yes, a: always this session ({scope}), n: no, and why"
    return f"  {choices} - asked because of {question.why_asked}"


def _stop() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


def _colour(line: str) -> str:
    return {"+": _GREEN, "-": _RED}.get(line[:1], _DIM)
