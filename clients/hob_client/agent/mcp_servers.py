"""MCP servers: started over stdio if the policy names them, their tools offered and called.

Must start nothing that the policy does not name exactly, and nothing that may use a network while hob is
offline. What servers say is hostile: bounded, and never believed about rights. Used by hob_cli and
hob_editors.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hob_client.agent.policy import Permission, Policy, Server
from hob_client.agent.shell import without_network
from hob_client.agent.toolbox import Toolbox
from hob_client.agent.values import Action, Kind, Spec, ToolFault
from hob_client.errors import HobError, InvalidRequest, NotPermitted, NotSupported

if TYPE_CHECKING:
    from mcp import ClientSession

MOST_TOOLS, MOST_SCHEMA_BYTES, MOST_DESCRIPTION = 32, 16 << 10, 1000
START_SECONDS, CALL_SECONDS = 20, 120
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")

#: Returns if a network may be used now; raises NotPermitted else.
Online = Callable[[str], Awaitable[None]]


def named(policy: Policy, name: str, command: str, args: Sequence[str]) -> Server:
    """The policy's own server, if it is just what somebody else asks for. Raises NotPermitted."""
    server = policy.servers.get(name)
    where = policy.path or "the policy (`hob tools` says where it is)"
    if server is None:
        raise NotPermitted(f"the MCP server {name[:64]!r} is not in {where}; add it there if you trust it")
    if (server.command, server.args) != (command, tuple(args)):
        raise NotPermitted(
            f"the MCP server {name!r} would be started otherwise than [mcp.{name}] in {where} says; "
            "make the two the same"
        )
    return server


class Servers:
    """Those of one session, in a working directory. `close` ends them."""

    def __init__(self, policy: Policy, folder: Path, online: Online) -> None:
        self._policy = policy
        self._folder = folder
        self._online = online
        self._running: list[_Running] = []

    async def start(self, server: Server, toolbox: Toolbox) -> int:
        """Starts it and offers its tools; returns how many. Raises HobError."""
        if self._policy.rule(Kind.MCP, server.name).permission is Permission.DENY:
            source = self._policy.rule(Kind.MCP, server.name).source
            raise NotPermitted(f"the MCP server {server.name} is denied by {source}; allow it there")
        await self._check_network(server)
        running = _Running(server, self._folder, self._check_network)
        self._running.append(running)
        specs = await running.start()
        toolbox.add(specs, running, server=server.name)
        return len(specs)

    async def close(self) -> None:
        for running in self._running:
            await running.close()
        self._running.clear()

    async def _check_network(self, server: Server) -> None:
        if server.uses_network:
            await self._online(f"the MCP server {server.name}, which may use a network,")


class _Running:
    """One server. It lives in a task of its own, which its library asks for."""

    def __init__(self, server: Server, folder: Path, check: Callable[[Server], Awaitable[None]]) -> None:
        self._server = server
        self._folder = folder
        self._check = check
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._names: dict[str, str] = {}  # as offered -> as the server has it

    async def start(self) -> list[Spec]:
        ready: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(ready))
        name = self._server.name
        try:
            async with asyncio.timeout(START_SECONDS):
                tools = await ready
        except HobError:
            raise
        except TimeoutError:
            await self.close()
            raise InvalidRequest(f"the MCP server {name} did not answer within {START_SECONDS} s") from None
        except Exception as error:
            await self.close()
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise InvalidRequest(f"the MCP server {name} cannot be used ({why}); see its command") from None
        return [spec for tool in tools[:MOST_TOOLS] if (spec := self._spec(tool)) is not None]

    async def _live(self, ready: asyncio.Future[list[Any]]) -> None:
        try:
            from mcp import ClientSession, StdioServerParameters
            from mcp.client.stdio import stdio_client

            command, *args = await self._command_line()
            parameters = StdioServerParameters(
                command=command,
                args=args,
                env={name: os.environ[name] for name in self._server.environment if name in os.environ},
                cwd=self._folder,
            )
            with open(os.devnull, "w") as nowhere:
                async with stdio_client(parameters, errlog=nowhere) as (reading, writing):
                    async with ClientSession(reading, writing) as session:
                        await session.initialize()
                        listed = await session.list_tools()
                        self._session = session
                        if not ready.done():
                            ready.set_result(list(listed.tools))
                        await self._over.wait()
        except ImportError:
            fault: Exception = NotSupported("MCP is not installed; install `pip install 'hob[editors]'`")
            if not ready.done():
                ready.set_exception(fault)
        except Exception as error:
            if not ready.done():
                ready.set_exception(_innermost(error))
        finally:
            self._session = None

    async def _command_line(self) -> list[str]:
        """As the policy has it, without a network if it uses none; NotPermitted where that cannot be."""
        named = [self._server.command, *self._server.args]
        if self._server.uses_network:
            return named
        quiet, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        trial = await asyncio.create_subprocess_exec(
            *without_network(["true"]), stdin=quiet, stdout=quiet, stderr=pipe
        )
        _, said = await trial.communicate()
        if trial.returncode:
            why = said.decode(errors="replace").strip().removeprefix("hob: ")
            raise NotPermitted(
                f"the MCP server {self._server.name} cannot be kept from networks ({why}); "
                f"say network = true in [mcp.{self._server.name}] if it may use one"
            )
        return without_network(named)

    def _spec(self, tool: Any) -> Spec | None:
        """As it may be offered; None for what may not, or has no name that hob can have."""
        name = f"{self._server.name}__{tool.name}"
        schema = dict(tool.input_schema or {})
        is_wanted = not self._server.tools or tool.name in self._server.tools
        if not is_wanted or not _NAME.fullmatch(name) or len(json.dumps(schema)) > MOST_SCHEMA_BYTES:
            return None
        self._names[name] = tool.name
        description = (tool.description or "")[:MOST_DESCRIPTION]
        return Spec(name=name, kind=Kind.MCP, description=description, parameters=schema)

    async def prepare(self, spec: Spec, arguments: Mapping[str, Any]) -> Action:
        async def do() -> str:
            return await self._call(spec.name, arguments)

        title = f"{self._server.name}: {self._names[spec.name]} {json.dumps(arguments, ensure_ascii=False)}"
        scope = f"{self._names[spec.name]} of {self._server.name}"
        return Action(kind=Kind.MCP, title=title, scope=scope, do=do, server=self._server.name)

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> str:
        try:
            await self._check(self._server)
        except HobError as error:
            raise ToolFault(error.message) from None
        if self._session is None:
            raise ToolFault(f"the server {self._server.name} has ended; do without it")
        try:
            result = await self._session.call_tool(self._names[name], dict(arguments), CALL_SECONDS)
        except Exception:
            raise ToolFault(f"the server {self._server.name} could not do that") from None
        told = "\n".join(_told(piece) for piece in result.content)
        if result.is_error:
            raise ToolFault(told)
        return told or "[done; it said nothing]"

    async def close(self) -> None:
        self._over.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task


def _told(piece: Any) -> str:
    return piece.text if piece.type == "text" else f"[{piece.type}: only text is taken from servers]"


def _innermost(error: Exception) -> Exception:
    """What a task group wraps."""
    while isinstance(error, ExceptionGroup) and isinstance(error.exceptions[0], Exception):
        error = error.exceptions[0]
    return error
