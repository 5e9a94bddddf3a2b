"""The words of an agent: kinds of tools, calls, actions, and what came of them.

Must stay data; arguments and results are never part of a repr. Used by all of hob_client.agent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a tool does, which decides what a policy says of it."""

    READ = "read"
    WRITE = "write"
    SHELL = "shell"
    MCP = "mcp"
    NOTE = "note"  # nothing outside of the conversation


class ToolFault(Exception):
    """A call that cannot be carried out, in one sentence for the model. It may name what the model named, so
    it goes to the conversation alone: never to a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A tool as the model is told of it. `parameters` is a JSON schema of an object."""

    name: str
    kind: Kind
    description: str
    parameters: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that can be tried: its tool exists, and its arguments are an object."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A call that is answered without being tried."""

    id: str
    name: str
    why: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a file will be. `before` is None where there is none yet."""

    path: str
    before: str | None = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A call that is ready to be done, and what a person is shown before it is.

    `scope`: what "always this session" would cover beside this call. `server`: of an MCP tool.
    """

    kind: Kind
    title: str = field(repr=False)
    scope: str = field(repr=False)
    do: Callable[[], Awaitable[str]] = field(repr=False)
    path: str = field(default="", repr=False)
    change: Change | None = field(default=None, repr=False)
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a call. `text` goes to the model."""

    text: str = field(repr=False)
    is_done: bool
