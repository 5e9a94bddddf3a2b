"""Serves the contract on the doors' sockets with grpclib, and maps every failure to a status.

Must be the only file that knows which gRPC library hosts us; handlers see a `Call`. Private names of
grpclib are used here alone, for the size cap and for the kernel's word on who calls: its version is
pinned. Built by main.py.
"""

from __future__ import annotations

import functools
import logging
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import google.protobuf.message
from grpclib.metadata import decode_timeout
from grpclib.protocol import AbstractHandler, H2Protocol
from grpclib.server import Server, Stream

from hobd import errors, log
from hobd.api.status import detail_of, status_of

Req = TypeVar("Req")
Res = TypeVar("Res")
Admit = Callable[[socket.socket], None]

ERROR_METADATA_KEY = "hob-error-bin"
# A request is read whole before it is looked at; images and long prompts travel in it.
MAX_REQUEST_BYTES = 64 << 20
_TIMEOUT = "grpc-timeout"
_PREFIX = struct.Struct(">?I")  # gRPC's message header: compressed flag, length


class Call(Generic[Req, Res]):
    """One call under way: the request, and where responses go."""

    def __init__(self, stream: Stream[Req, Res], request: Req) -> None:
        self._stream = stream
        self.request = request

    async def send(self, response: Res) -> None:
        """Waits when the caller reads slower than we send."""
        await self._stream.send_message(response)


Handler = Callable[[Any, "Call[Any, Any]"], Coroutine[Any, Any, None]]
Method = Callable[[Any, "Stream[Any, Any]"], Coroutine[Any, Any, None]]


def rpc(handler: Handler) -> Method:
    """Makes a grpclib method of a handler: reads the request, runs it, reports its failure."""

    @functools.wraps(handler)
    async def method(service: object, stream: Stream[Any, Any]) -> None:
        try:
            await handler(service, Call(stream, await _receive(stream)))
        except errors.HobError as error:
            await _fail(stream, error)
        except (ConnectionError, OSError):
            raise  # the caller has gone; there is nobody to tell
        except Exception as bug:
            log.event("rpc_failed", level="error", rpc=handler.__name__, error=log.describe(bug))
            await _fail(
                stream,
                errors.HobError(f"{handler.__name__} failed inside hob ({type(bug).__name__}); see the log"),
            )

    return method


class Host:
    """Serves on ready-made listening sockets; `admit` may refuse a connection by raising NotPermitted."""

    def __init__(self, services: list[Any], admit: Admit) -> None:
        # A handler's failure is reported by `rpc`; grpclib would log it with a traceback.
        logging.getLogger("grpclib").setLevel(logging.CRITICAL)
        self._server = _AdmittingServer(services, admit)

    async def start(self, sock: socket.socket) -> None:
        await self._server.start(sock=sock)

    async def stop(self) -> None:
        """Closes every connection, cancelling the calls on them."""
        self._server.close()
        self._server.drop_connections()
        await self._server.wait_closed()

    @property
    def num_connections(self) -> int:
        return len(self._server.connections)


class _AdmittingServer(Server):
    def __init__(self, services: list[Any], admit: Admit) -> None:
        super().__init__(services)
        self.admit = admit
        self.connections: set[_AdmittedProtocol] = set()

    def _protocol_factory(self) -> H2Protocol:
        plain = super()._protocol_factory()
        return _AdmittedProtocol(self, _Patient(plain.handler), plain.config, plain.h2_config)

    def drop_connections(self) -> None:
        """grpclib leaves open connections be; a daemon that ends must not wait for idle clients."""
        for protocol in list(self.connections):
            protocol.connection.close()


class _Patient(AbstractHandler):
    """Gives every call a moment. One whose deadline is over when it comes would end as UNKNOWN in grpclib,
    since only a timer that runs makes it say DEADLINE_EXCEEDED.
    """

    def __init__(self, handler: AbstractHandler) -> None:
        self._handler = handler

    def accept(self, stream: Any, headers: Any, release_stream: Callable[[], Any]) -> None:
        patient = [(name, _with_a_moment(value) if name == _TIMEOUT else value) for name, value in headers]
        self._handler.accept(stream, patient, release_stream)

    def cancel(self, stream: Any) -> None:
        self._handler.cancel(stream)

    def close(self) -> None:
        self._handler.close()


def _with_a_moment(timeout: str) -> str:
    """A grpc-timeout header of at least 10 ms; what is none is left to grpclib to refuse."""
    try:
        return timeout if decode_timeout(timeout) > 0.01 else "10m"
    except ValueError:
        return timeout


class _AdmittedProtocol(H2Protocol):
    """A connection whose other end the kernel has vouched for."""

    def __init__(self, server: _AdmittingServer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._server = server
        self._is_admitted = False

    def connection_made(self, transport: Any) -> None:
        try:
            self._server.admit(transport.get_extra_info("socket"))
        except errors.NotPermitted as error:
            log.event("connection_refused", level="warning", why=error.message)
            transport.abort()
            return
        self._is_admitted = True
        self._server.connections.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._is_admitted:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._server.connections.discard(self)
        if self._is_admitted:
            super().connection_lost(exc)


async def _receive(stream: Stream[Any, Any]) -> Any:
    """The one request message of a call, refused by its announced size before it is read."""
    prefix = await stream._stream.recv_data(_PREFIX.size)
    if len(prefix) != _PREFIX.size:
        raise errors.InvalidRequest("the call came without a message")
    is_compressed, length = _PREFIX.unpack(prefix)
    if is_compressed:
        raise errors.InvalidRequest("compressed messages are not supported; send them plain")
    if length > MAX_REQUEST_BYTES:
        raise errors.InvalidRequest(
            f"the message has {length} bytes; the most that is taken is {MAX_REQUEST_BYTES}"
        )
    body = await stream._stream.recv_data(length)
    try:
        return stream._codec.decode(body, stream._recv_type)
    except google.protobuf.message.DecodeError:
        raise errors.InvalidRequest("the message does not decode as this rpc's request") from None


async def _fail(stream: Stream[Any, Any], error: errors.HobError) -> None:
    await stream.send_trailing_metadata(
        status=status_of(error),
        status_message=error.message,
        metadata={ERROR_METADATA_KEY: detail_of(error).SerializeToString()},
    )
