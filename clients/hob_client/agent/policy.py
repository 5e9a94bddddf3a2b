"""What tools may do, as a user's policy file says: read, write, shell, network, and servers of tools.

Must stay pure, refuse what it does not know, and be strict where the file says nothing. Read by
policy_file.py; asked by consent.py, toolbox.py and `hob tools`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from hob_client.agent.turn import Limits
from hob_client.agent.values import Kind
from hob_client.errors import InvalidRequest


class Permission(StrEnum):
    ALLOW = "allow"  # without asking
    ONCE = "once"  # the first time in a session, for all of the kind
    ASK = "ask"  # every time, unless the person says "always this session"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A permission, and where it comes from: a line of the file's table, or the defaults."""

    permission: Permission
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """An MCP server that may be started, exactly so. `environment`: names of variables that it gets."""

    name: str
    command: str
    args: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    uses_network: bool = True  # else it is started without one
    tools: tuple[str, ...] = ()  # of its tools; none named: all
    permission: Permission = Permission.ASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    read: Rule
    write: Rule
    shell: Rule
    network: Rule
    limits: Limits = field(default_factory=Limits)
    shell_seconds: int = 60
    shell_writes_anywhere: bool = False  # else in the working directory and temporary files alone
    exclude: tuple[str, ...] = ()
    servers: Mapping[str, Server] = field(default_factory=dict)
    path: str = ""  # the file; empty if there is none

    def rule(self, kind: Kind, server: str = "") -> Rule:
        """What holds for a kind of tool, or for the tools of a server."""
        if kind is Kind.MCP:
            known = self.servers[server]
            rule = Rule(permission=known.permission, source=f"[mcp.{server}] in {self.path}")
            return self.network if known.uses_network and self._is_stricter(rule) else rule
        return {Kind.READ: self.read, Kind.WRITE: self.write, Kind.SHELL: self.shell}.get(kind, _HARMLESS)

    def _is_stricter(self, rule: Rule) -> bool:
        order = list(Permission)
        return order.index(self.network.permission) > order.index(rule.permission)


_HARMLESS = Rule(permission=Permission.ALLOW, source="it touches nothing")
_DEFAULTS = {"read": "once", "write": "ask", "shell": "deny", "network": "deny"}
_LIMITS = {
    "steps": ("num_steps", 2, 200),
    "calls": ("num_calls", 1, 128),
    "repeats": ("num_repeats", 1, 100),
    "result_characters": ("result_characters", 200, 1_000_000),
    "turn_characters": ("turn_characters", 200, 10_000_000),
}
_SHELL_SECONDS = (1, 3600)
_SHELL_WRITES = ("folder", "anywhere")
_SERVER_KEYS = frozenset({"command", "args", "environment", "network", "tools", "permission"})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
MOST_SERVERS, MOST_PATTERNS, MOST_CHARACTERS = 32, 256, 4096


def parse_policy(table: Mapping[str, Any], path: str = "") -> Policy:
    """Raises InvalidRequest, with the place in the file and what may be there."""
    _known(table, {"tools", "limits", "exclude", "mcp"}, "the policy", path)
    tools = _table(table, "tools", path)
    _known(tools, {*_DEFAULTS, "shell_writes"}, "[tools]", path)
    writes = tools.get("shell_writes", "folder")
    if writes not in _SHELL_WRITES:
        raise InvalidRequest(f'[tools] shell_writes in {path} must be "folder" or "anywhere"')
    limits, seconds = _limits(_table(table, "limits", path), path)
    exclude = _table(table, "exclude", path)
    _known(exclude, {"patterns"}, "[exclude]", path)
    return Policy(
        **{name: _rule(tools, name, path) for name in _DEFAULTS},
        limits=limits,
        shell_seconds=seconds,
        shell_writes_anywhere=writes == "anywhere",
        exclude=_texts(exclude, "patterns", "[exclude]", path, MOST_PATTERNS),
        servers=_servers(_table(table, "mcp", path), path),
        path=path,
    )


def _rule(tools: Mapping[str, Any], name: str, path: str) -> Rule:
    if name not in tools:
        return Rule(permission=Permission(_DEFAULTS[name]), source="the default")
    return Rule(
        permission=_permission(tools[name], f"[tools] {name}", path), source=f"[tools] {name} in {path}"
    )


def _permission(value: Any, where: str, path: str) -> Permission:
    try:
        return Permission(value)
    except ValueError:
        known = ", ".join(f'"{permission}"' for permission in Permission)
        raise InvalidRequest(f"{where} in {path} must be one of {known}") from None


def _limits(table: Mapping[str, Any], path: str) -> tuple[Limits, int]:
    _known(table, {*_LIMITS, "shell_seconds"}, "[limits]", path)
    chosen = {
        field_name: _number(table[name], least, most, f"[limits] {name}", path)
        for name, (field_name, least, most) in _LIMITS.items()
        if name in table
    }
    seconds = _number(table.get("shell_seconds", 60), *_SHELL_SECONDS, "[limits] shell_seconds", path)
    return Limits(**chosen), seconds


def _number(value: Any, least: int, most: int, where: str, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(f"{where} in {path} must be a number from {least} to {most}")
    return value


def _servers(table: Mapping[str, Any], path: str) -> dict[str, Server]:
    if len(table) > MOST_SERVERS:
        raise InvalidRequest(f"[mcp] in {path} has {len(table)} servers; it may have {MOST_SERVERS}")
    return {name: _server(name, table, path) for name in table}


def _server(name: str, servers: Mapping[str, Any], path: str) -> Server:
    where = f"[mcp.{name}]"
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"[mcp] in {path} has a server whose name is not like git or my-notes; rename it"
        )
    table = _table(servers, name, path)
    _known(table, _SERVER_KEYS, where, path)
    command, network = table.get("command"), table.get("network", True)
    if not isinstance(command, str) or not 0 < len(command) <= MOST_CHARACTERS:
        raise InvalidRequest(f"{where} command in {path} must be the program to start, as text")
    if not isinstance(network, bool):
        raise InvalidRequest(f"{where} network in {path} must be true or false")
    environment = _texts(table, "environment", where, path, 64)
    if not all(map(_VARIABLE.fullmatch, environment)):
        raise InvalidRequest(
            f"{where} environment in {path} must be names of variables, without their values"
        )
    return Server(
        name=name,
        command=command,
        args=_texts(table, "args", where, path, 64),
        environment=environment,
        uses_network=network,
        tools=_texts(table, "tools", where, path, 64),
        permission=_permission(table.get("permission", "ask"), f"{where} permission", path),
    )


def _table(table: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    inner = table.get(name, {})
    if not isinstance(inner, Mapping):
        raise InvalidRequest(f"{name} in {path} must be a table, as in [{name}]")
    return inner


def _texts(table: Mapping[str, Any], name: str, where: str, path: str, most: int) -> tuple[str, ...]:
    value = table.get(name, ())
    is_list = isinstance(value, Sequence) and not isinstance(value, str) and len(value) <= most
    if not is_list or not all(isinstance(text, str) and len(text) <= MOST_CHARACTERS for text in value):
        raise InvalidRequest(f"{where} {name} in {path} must be a list of at most {most} texts")
    return tuple(value)


def _known(table: Mapping[str, Any], names: Any, where: str, path: str) -> None:
    unknown = sorted(map(str, table.keys() - set(names)))
    if unknown:
        raise InvalidRequest(
            f"{where} in {path} has {unknown[0]!r}, which hob does not know; it may have "
            f"{', '.join(sorted(names))}"
        )


assert {inner for inner, _, _ in _LIMITS.values()} <= {each.name for each in fields(Limits)}
