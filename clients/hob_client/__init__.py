"""The typed Python client: `from hob_client import Client`.

Must never import grpc by itself: the CLI launches the daemon first and imports grpc meanwhile.
Used by hob_cli and by anybody's Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hob_client.async_client import AsyncClient as AsyncClient
    from hob_client.client import Client as Client
    from hob_client.errors import HobError as HobError
    from hob_client.events import Answer as Answer
    from hob_client.events import Event as Event
    from hob_client.models import EngineSettings as EngineSettings
    from hob_client.parameters import Parameters as Parameters
    from hob_client.requests import Message as Message
    from hob_client.tools import Tool as Tool
    from hob_client.values import Embeddings as Embeddings
    from hob_client.values import Media as Media
    from hob_client.values import Ranking as Ranking
    from hob_client.values import Receipt as Receipt
    from hob_client.values import ToolCall as ToolCall

_HOMES = {
    "AsyncClient": "hob_client.async_client",
    "Client": "hob_client.client",
    "HobError": "hob_client.errors",
    "Answer": "hob_client.events",
    "Event": "hob_client.events",
    "EngineSettings": "hob_client.models",
    "Parameters": "hob_client.parameters",
    "Message": "hob_client.requests",
    "Embeddings": "hob_client.values",
    "Media": "hob_client.values",
    "Ranking": "hob_client.values",
    "Receipt": "hob_client.values",
    "Tool": "hob_client.tools",
    "ToolCall": "hob_client.values",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hob_client' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
