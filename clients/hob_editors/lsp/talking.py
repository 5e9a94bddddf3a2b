"""A conversation with a model, for an editor's chat window.

Must never keep what was said: the editor sends the whole conversation each time. Called by server.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from hob_client.errors import InvalidRequest

DELTA = "hob/chat/delta"
MAX_MESSAGES = 400
_ROLES = ("system", "user", "assistant")


class Talker(Protocol):
    """The part of the daemon that a conversation needs."""

    def chat(self, messages: Sequence[Mapping[str, Any]], **parameters: Any) -> AsyncGenerator[str, None]: ...


async def talk(
    talker: Talker, params: Mapping[str, Any], notify: Callable[[str, Mapping[str, Any]], None]
) -> dict[str, str]:
    """The whole answer, after each piece of it was told with the token that the editor gave."""
    messages = _messages(params.get("messages"))
    token = params.get("token")
    most = params.get("maxTokens", 1024)
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= 32_768:
        raise InvalidRequest(f"maxTokens is {most!r:.40}; it must be a whole number from 1 to 32768")
    said: list[str] = []
    async with aclosing(talker.chat(messages, max_tokens=most)) as pieces:
        async for piece in pieces:
            said.append(piece)
            if token is not None:
                notify(DELTA, {"token": token, "text": piece})
    return {"text": "".join(said)}


def _messages(given: Any) -> list[dict[str, str]]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= MAX_MESSAGES:
        raise InvalidRequest(f"a chat needs a list of 1 to {MAX_MESSAGES} messages")
    messages = []
    for number, message in enumerate(given):
        if not isinstance(message, Mapping):
            raise InvalidRequest(f"messages[{number}] must have a role and content")
        role, content = message.get("role"), message.get("content")
        if role not in _ROLES or not isinstance(content, str):
            raise InvalidRequest(
                f"messages[{number}] needs a role ({', '.join(_ROLES)}) and a text as content"
            )
        messages.append({"role": str(role), "content": content})
    return messages
