"""The protocol's own part: pygls, made to leave texts to us and to keep quiet about them.

Must never write a message's content anywhere: editors keep what servers write. Called by server.py.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from hob_client.errors import HobError, InvalidRequest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

#: Of JSON-RPC and LSP.
_INVALID_PARAMS = -32602
_REQUEST_FAILED = -32803


class Protocol(LanguageServerProtocol):
    """Texts are kept by documents.py, which splits lines as the protocol says; pygls splits some more."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Also answers requests that cannot be read, which pygls leaves open."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            if "id" in data and "method" in data:
                fault = InvalidRequest("the request has not the form that the protocol gives it")
                self._send_response(data["id"], error=refusal(fault).to_response_error())
            raise

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(
        self, params: types.DidOpenTextDocumentParams
    ) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(
        self, params: types.DidChangeTextDocumentParams
    ) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(
        self, params: types.DidCloseTextDocumentParams
    ) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None


class QuietServer(LanguageServer):
    """Errors of the protocol are the other end's business, and quote what it said: they go nowhere."""

    def report_server_error(self, error: Exception, source: Any) -> None:
        pass


def hush() -> None:
    """Nothing that pygls logs, which is whole messages, leaves it."""
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)


def refusal(error: HobError) -> JsonRpcException:
    code = _INVALID_PARAMS if isinstance(error, InvalidRequest) else _REQUEST_FAILED
    return JsonRpcException(error.message, code=code, data={"code": error.code})


def plain(value: Any) -> Any:
    """What pygls made named tuples of, as it was sent."""
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value
