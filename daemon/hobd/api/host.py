"""Serves the contract on the doors' sockets with grpclib, and maps every failure to a status.

Must be the only file that knows which gRPC library hosts us; handlers see a `Call`. Private names of
grpclib are used here alone, for the size cap and for the kernel's word on who calls: its version is
pinned. Built by main.py.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import struct
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import google.protobuf.message
from grpclib.metadata import decode_timeout
from grpclib.protocol import AbstractHandler, H2Protocol
from grpclib.server import Server, Stream

from hobd import errors, log
from hobd.api.status import detail_of, status_of
from hobd.audit.journal import Audit
from hobd.audit.refusals import Kind, Refusals
from hobd.door.caller import Caller
from hobd.door.doorway import Doorway
from hobd.door.peer import peer_of
from hobd.door.policy import Grants, refused_rpc
from hobd.door.unix_socket import Door

Req = TypeVar("Req")
Res = TypeVar("Res")

ERROR_METADATA_KEY = "hob-error-bin"
# A request is read whole before it is looked at; images and long prompts travel in it.
MAX_REQUEST_BYTES = 64 << 20
_TIMEOUT = "grpc-timeout"
# Of one user at a named door, so that no neighbour takes all descriptors and memory.
_MOST_CONNECTIONS, _MOST_CALLS = 64, 64
_PREFIX = struct.Struct(">?I")  # gRPC's message header: compressed flag, length


class Visit:
    """One connection: who is there, and the door he came through."""

    __slots__ = ("_num_calls", "caller", "doorway", "refusals")

    def __init__(self, caller: Caller, doorway: Doorway, refusals: Refusals, num_calls: Counter[int]) -> None:
        """`num_calls`: under way at this door, by uid."""
        self.caller = caller
        self.doorway = doorway
        self.refusals = refusals
        self._num_calls = num_calls

    @property
    def grants(self) -> Grants:
        """What he may do as of now."""
        return self.doorway.grants(self.caller.uid)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """A call, whose message may fill memory before anything is known of it. Raises Busy."""
        uid = self.caller.uid
        if not self.grants.is_owner and self._num_calls[uid] >= _MOST_CALLS:
            raise errors.Busy(
                f"door {self.caller.door} takes {_MOST_CALLS} calls of a user at once, and so many are "
                "under way; wait for them",
                door=self.caller.door,
                rule="calls",
                retry_after_ms=1000,
            )
        self._num_calls[uid] += 1
        try:
            yield
        finally:
            self._num_calls[uid] -= 1
            if not self._num_calls[uid]:
                del self._num_calls[uid]

    def tell_refusal(self, rpc: str, error: errors.HobError) -> None:
        """Into the audit, if it was the door that refused."""
        if error.rule:
            kind = Kind(door=self.caller.door, uid=self.caller.uid, rpc=rpc, rule=error.rule)
            self.refusals.tell(kind, self.caller.executable)


class Call(Generic[Req, Res]):
    """One call under way: who calls, what he may do, the request, and where responses go."""

    request: Req

    def __init__(self, stream: Stream[Req, Res], visit: Visit, rpc: str) -> None:
        self._stream = stream
        self._visit = visit
        self.rpc = rpc
        self.caller: Caller = visit.caller

    @property
    def grants(self) -> Grants:
        """As of now: who changes a door changes it for those who are in."""
        return self._visit.grants

    def require(self) -> None:
        """Raises NotPermitted where the door does not have this call, or not any more."""
        if refused := refused_rpc(self.grants, self.rpc):
            raise errors.NotPermitted(refused.reason, door=self.caller.door, rule=refused.rule)

    async def send(self, response: Res) -> None:
        """Waits when the caller reads slower than we send."""
        await self._stream.send_message(response)


Handler = Callable[[Any, "Call[Any, Any]"], Coroutine[Any, Any, None]]
Method = Callable[[Any, "Stream[Any, Any]"], Coroutine[Any, Any, None]]


def rpc(handler: Handler) -> Method:
    """Makes a grpclib method of a handler: reads the request, runs it, reports its failure."""

    @functools.wraps(handler)
    async def method(service: object, stream: Stream[Any, Any]) -> None:
        visit: Visit = stream._stream.visit  # type: ignore[attr-defined]
        call: Call[Any, Any] = Call(stream, visit, handler.__name__)
        try:
            call.require()  # before a byte of the request is read
            with visit.calling():
                call.request = await _receive(stream)
                await handler(service, call)
        except errors.HobError as error:
            visit.tell_refusal(call.rpc, error)
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
    """Serves the same services at every door that is opened."""

    def __init__(self, audit: Audit) -> None:
        # A handler's failure is reported by `rpc`; grpclib would log it with a traceback.
        logging.getLogger("grpclib").setLevel(logging.CRITICAL)
        self.services: list[Any] = []
        self._refusals = Refusals(audit)
        self._servers: dict[Doorway, _AdmittingServer] = {}

    async def open(self, doorway: Doorway) -> None:
        self._servers[doorway] = server = _AdmittingServer(self.services, doorway, self._refusals)
        await server.start_at(doorway.door)

    async def close(self, doorway: Doorway) -> int:
        """Takes nobody new, closes the connections, cancels the calls on them; how many they were."""
        server = self._servers.pop(doorway)
        num_connections = len(server.connections)
        server.close()
        server.drop_connections()
        await server.wait_closed()
        return num_connections

    def recheck(self, doorway: Doorway) -> None:
        """Ends the connections of those whom the door does not admit any more."""
        self._servers[doorway].recheck()

    async def stop(self) -> None:
        for doorway in list(self._servers):
            await self.close(doorway)
        self._refusals.flush()

    def num_connections(self, doorway: Doorway) -> int:
        server = self._servers.get(doorway)
        return len(server.connections) if server else 0


class _AdmittingServer(Server):
    def __init__(self, services: list[Any], doorway: Doorway, refusals: Refusals) -> None:
        super().__init__(services)
        self._doorway = doorway
        self._refusals = refusals
        self.connections: set[_AdmittedProtocol] = set()
        self._num_calls: Counter[int] = Counter()

    async def start_at(self, door: Door) -> None:
        if door.socket is not None:
            await self.start(sock=door.socket)
            return
        # A named pipe, which grpclib knows nothing of: what its own `start` would set.
        self._server = await door.serve(self._protocol_factory)
        self._server_closed_fut = asyncio.get_running_loop().create_future()

    def _protocol_factory(self) -> H2Protocol:
        plain = super()._protocol_factory()
        return _AdmittedProtocol(self, _Patient(plain.handler), plain.config, plain.h2_config)

    def admit(self, connection: Any) -> Visit:
        """Raises NotPermitted. Whoever comes is told in the log, by the kernel's word."""
        try:
            caller = self._doorway.admit(connection)
            self._check_number(caller)
        except errors.NotPermitted as error:
            kind = Kind(door=self._doorway.name, uid=peer_of(connection).uid, rpc="", rule=error.rule)
            self._refusals.tell(kind)
            raise
        log.event("connected", level="debug", door=caller.door, pid=caller.pid, executable=caller.executable)
        return Visit(caller, self._doorway, self._refusals, self._num_calls)

    def _check_number(self, caller: Caller) -> None:
        """Raises NotPermitted for one more than a user may have."""
        if self._doorway.settings is None:
            return
        if sum(other.visit.caller.uid == caller.uid for other in self.connections) >= _MOST_CONNECTIONS:
            raise errors.NotPermitted(
                f"uid {caller.uid} has {_MOST_CONNECTIONS} connections at door {caller.door} already",
                door=caller.door,
                rule="connections",
            )

    def recheck(self) -> None:
        for protocol in list(self.connections):
            try:
                self._doorway.check(protocol.visit.caller.uid)
            except errors.NotPermitted:
                protocol.connection.close()

    def drop_connections(self) -> None:
        """grpclib leaves open connections be; a daemon that ends must not wait for idle clients."""
        for protocol in list(self.connections):
            protocol.connection.close()


class _Patient(AbstractHandler):
    """Gives every call its visit, and a moment. One whose deadline is over when it comes would end as UNKNOWN
    in grpclib, since only a timer that runs makes it say DEADLINE_EXCEEDED.
    """

    visit: Visit

    def __init__(self, handler: AbstractHandler) -> None:
        self._handler = handler

    def accept(self, stream: Any, headers: Any, release_stream: Callable[[], Any]) -> None:
        stream.visit = self.visit  # where `rpc` finds it
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

    visit: Visit

    def __init__(self, server: _AdmittingServer, handler: _Patient, *arguments: Any) -> None:
        super().__init__(handler, *arguments)
        self._server = server
        self._patient = handler
        self._is_admitted = False

    def connection_made(self, transport: Any) -> None:
        try:
            self.visit = self._patient.visit = self._server.admit(_connection_of(transport))
        except errors.NotPermitted as error:
            log.event("connection_refused", level="warning", why=error.message)
            transport.abort()
            return
        self._is_admitted = True
        self._line = transport
        self._server.connections.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        # A pipe's transport hands on what it had read when it was closed, and grpclib has let go by then.
        if self._is_admitted and not self._line.is_closing():
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._server.connections.discard(self)
        if self._is_admitted:
            super().connection_lost(exc)


def _connection_of(transport: Any) -> Any:
    """What the kernel is asked about: a socket, or on Windows a pipe."""
    return transport.get_extra_info("socket") or transport.get_extra_info("pipe")


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
