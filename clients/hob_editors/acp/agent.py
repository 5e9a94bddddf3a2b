"""The methods of the protocol: what an editor asks of its agent.

Must keep sessions apart, and tell every failure as one sentence without a word of a prompt. Called by the
library of the protocol, which main.py runs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from acp import PROTOCOL_VERSION, Client, RequestError
from acp import schema as s
from hob.version import VERSION
from hob_client.agent.confinement import Place
from hob_client.agent.policy import Policy
from hob_client.async_client import AsyncClient
from hob_client.errors import HobError, InvalidRequest

from hob_editors.acp.session import Session, check_mode, modes

MOST_SESSIONS = 32
MODEL_OPTION = "model"
P = ParamSpec("P")
T = TypeVar("T")


def _told(method: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Failures as the protocol has them. The library would quote any other exception."""

    @wraps(method)
    async def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        fault = ""
        try:
            return await method(*args, **kwargs)
        except HobError as error:
            raise RequestError(_CODES.get(error.code, -32603), error.message, {"code": error.code}) from None
        except RequestError:
            raise
        except Exception as error:
            fault = type(error).__name__
        raise RequestError(-32603, f"this is a bug ({fault}); please report it", None)

    return asked


_CODES = {"invalid_request": -32602, "not_permitted": -32602, "model_not_found": -32602}


class HobAgent:
    """One editor's agent. `on_connect` comes first, then `initialize`, then sessions."""

    def __init__(self, client: AsyncClient, policy: Policy, model: str) -> None:
        self._client = client
        self._policy = policy
        self._model = model
        self._editor: Client | None = None
        self._abilities = s.ClientCapabilities()
        self._sessions: dict[str, Session] = {}

    def on_connect(self, conn: Client) -> None:
        self._editor = conn

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    # ------------------------------------------------------------- before a session

    @_told
    async def initialize(
        self,
        protocol_version: int,
        client_capabilities: s.ClientCapabilities | None = None,
        client_info: s.Implementation | None = None,
        **kwargs: Any,
    ) -> s.InitializeResponse:
        """What the editor can do decides which tools there are."""
        self._abilities = client_capabilities or s.ClientCapabilities()
        return s.InitializeResponse(
            protocol_version=min(protocol_version, PROTOCOL_VERSION) or PROTOCOL_VERSION,
            agent_capabilities=s.AgentCapabilities(
                load_session=False,
                prompt_capabilities=s.PromptCapabilities(image=True, audio=True, embedded_context=True),
                mcp_capabilities=s.McpCapabilities(http=False, sse=False),
            ),
            agent_info=s.Implementation(name="hob", title="hob", version=VERSION),
            auth_methods=[],
        )

    @_told
    async def authenticate(self, method_id: str, **kwargs: Any) -> s.AuthenticateResponse | None:
        raise InvalidRequest("hob asks nobody who they are: its socket is yours; leave authenticate out")

    # ------------------------------------------------------------- sessions

    @_told
    async def new_session(
        self,
        cwd: str,
        additional_directories: list[str] | None = None,
        mcp_servers: list[Any] | None = None,
        **kwargs: Any,
    ) -> s.NewSessionResponse:
        if len(self._sessions) >= MOST_SESSIONS:
            raise InvalidRequest(f"there are {MOST_SESSIONS} sessions; end the agent to forget them")
        if not os.path.isabs(cwd):
            raise InvalidRequest("cwd must be an absolute path")
        assert self._editor is not None
        id = secrets.token_hex(8)
        options = await self._model_options(self._model)
        session = Session(
            id, self._client, self._editor, self._abilities, self._policy, Place(Path(cwd)), self._model
        )
        try:
            await session.open(mcp_servers or [])
        except BaseException:
            await session.close()
            raise
        self._sessions[id] = session
        return s.NewSessionResponse(session_id=id, modes=modes(session.mode), config_options=options)

    @_told
    async def set_session_mode(
        self, session_id: str, mode_id: str, **kwargs: Any
    ) -> s.SetSessionModeResponse | None:
        self._session(session_id).use_mode(check_mode(mode_id))
        return s.SetSessionModeResponse()

    @_told
    async def set_config_option(
        self, config_id: str, session_id: str, value: str | bool, **kwargs: Any
    ) -> s.SetSessionConfigOptionResponse | None:
        session = self._session(session_id)
        if config_id != MODEL_OPTION or not isinstance(value, str):
            raise InvalidRequest(f"there is one option, {MODEL_OPTION!r}, and its value is a model's name")
        options = await self._model_options(value)
        if value not in {option.value for option in options[0].options if hasattr(option, "value")}:
            raise InvalidRequest("there is no such model; choose one of those that are offered")
        session.use_model(value)
        return s.SetSessionConfigOptionResponse(config_options=options)

    @_told
    async def close_session(self, session_id: str, **kwargs: Any) -> s.CloseSessionResponse | None:
        await self._session(session_id).close()
        del self._sessions[session_id]
        return s.CloseSessionResponse()

    # ------------------------------------------------------------- turns

    @_told
    async def prompt(self, session_id: str, prompt: list[Any], **kwargs: Any) -> s.PromptResponse:
        return await self._session(session_id).answer(prompt)

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        if session_id in self._sessions:
            self._sessions[session_id].cancel()

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        pass

    def _session(self, id: str) -> Session:
        if id not in self._sessions:
            raise InvalidRequest("there is no such session; begin a new one (sessions end with the agent)")
        return self._sessions[id]

    async def _model_options(self, chosen: str) -> list[Any]:
        """Models by name, for the editor's menu; empty is the daemon's default."""
        names = sorted(model.name for model in await self._client.models())
        options = [s.SessionConfigSelectOption(value="", name="hob's default")]
        options += [s.SessionConfigSelectOption(value=name, name=name) for name in names]
        return [
            s.SessionConfigOptionSelect(
                id=MODEL_OPTION,
                name="Model",
                category="model",
                type="select",
                current_value=chosen,
                options=options,
            )
        ]
