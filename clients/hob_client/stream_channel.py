"""A channel like gRPC's, for connections that gRPC cannot make: whatever asyncio can connect, by grpclib.

Must look to the generated stubs, to calls.py and to async_calls.py as grpcio's channel does, where they
ask: calls of one answer or of a stream, deadlines, cancelling, failures with status and trailing metadata.
Used by channel.py on Windows, whose named pipes grpcio does not know. Private names of grpclib are used here
alone: its version is pinned.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

import grpc
from grpclib.client import Channel
from grpclib.const import Cardinality
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

#: Makes one connection with a protocol of grpclib's; OSError if nobody is there.
Connect = Callable[[Callable[[], Any]], Awaitable[Any]]
Failure = tuple[grpc.StatusCode, str, tuple[tuple[str, Any], ...]]


class CallFailed(grpc.RpcError):  # type: ignore[misc,unused-ignore]
    """What hob_client.errors reads of a failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self._failure = failure

    def code(self) -> grpc.StatusCode:
        return self._failure[0]

    def details(self) -> str:
        return self._failure[1]

    def trailing_metadata(self) -> Any:
        return self._failure[2]


class _Bytes(CodecBase):
    """Messages are serialized by the stubs."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        return data


class _Connecting(Channel):
    """grpclib's channel over whatever `connect` makes."""

    def __init__(self, connect: Connect) -> None:
        super().__init__(codec=_Bytes())
        self._connect = connect

    async def _create_connection(self) -> Any:
        return await self._connect(self._protocol_factory)


class AsyncStreamChannel:
    """For tasks of one loop, as grpc.aio's is."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._channel: _Connecting | None = None
        self._is_closed = False

    def unary_unary(
        self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(request: Any, timeout: float | None = None) -> Any:
            stream = self._messages(path, request_serializer(request), timeout, Cardinality.UNARY_UNARY)
            answers = [response_deserializer(data) async for data in stream]
            return answers[0]

        return call

    def unary_stream(
        self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any
    ) -> Callable[..., _AsyncCall]:
        def call(request: Any, timeout: float | None = None) -> _AsyncCall:
            stream = self._messages(path, request_serializer(request), timeout, Cardinality.UNARY_STREAM)
            return _AsyncCall(stream, response_deserializer)

        return call

    async def close(self) -> None:
        """Calls under way end as cancelled, as grpcio's do."""
        self._is_closed = True
        if self._channel is not None:
            self._channel.close()

    async def _messages(
        self, path: str, request: bytes, timeout: float | None, cardinality: Cardinality
    ) -> AsyncIterator[bytes]:
        """Raises CallFailed and nothing else."""
        if self._channel is None:
            self._channel = _Connecting(self._connect)  # here there is a loop
        call = self._channel.request(path, cardinality, bytes, bytes, timeout=timeout)
        try:
            async with call as stream:
                await stream.send_message(request, end=True)
                async for data in stream:
                    yield data
        except GRPCError as error:
            raise CallFailed(_failure_of(error, call)) from None
        except TimeoutError:
            raise CallFailed((grpc.StatusCode.DEADLINE_EXCEEDED, "", ())) from None
        except (OSError, StreamTerminatedError, ProtocolError) as error:
            code = grpc.StatusCode.CANCELLED if self._is_closed else grpc.StatusCode.UNAVAILABLE
            raise CallFailed((code, str(error), ())) from None


class _AsyncCall:
    """One stream of answers; `cancel` ends it at the other end, too."""

    def __init__(self, stream: AsyncIterator[bytes], deserialize: Callable[[bytes], Any]) -> None:
        self._stream: Any = stream
        self._deserialize = deserialize

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return self._deserialize(await self._stream.__anext__())

    def cancel(self) -> None:
        closing = asyncio.get_running_loop().create_task(self._stream.aclose())
        _under_way.add(closing)
        closing.add_done_callback(_under_way.discard)


#: The loop keeps no tasks by itself.
_under_way: set[asyncio.Task[None]] = set()


class StreamChannel:
    """For threads, as grpc's is: a loop on a thread of its own carries the calls."""

    def __init__(self, connect: Connect) -> None:
        self._inner = AsyncStreamChannel(connect)
        self._loop = asyncio.new_event_loop()
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="hob channel", daemon=True)
        self._thread.start()

    def unary_unary(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        call = self._inner.unary_unary(*arguments, **options)
        return lambda request, timeout=None: self._run(call(request, timeout))

    def unary_stream(self, *arguments: Any, **options: Any) -> Callable[..., _Call]:
        call = self._inner.unary_stream(*arguments, **options)
        return lambda request, timeout=None: _Call(self, call(request, timeout))

    def close(self) -> None:
        """Safe to call twice."""
        with self._closing:  # what is given to the loop after its end would never be carried out
            if self._is_closed:
                return
            self._is_closed = True
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ending.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        with self._closing:
            if self._is_closed:
                work.close()
                raise CallFailed((grpc.StatusCode.CANCELLED, "the client was closed", ()))
            doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return doing.result()
        except CancelledError:
            raise CallFailed((grpc.StatusCode.CANCELLED, "the client was closed", ())) from None

    async def _end(self) -> None:
        await self._inner.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class _Call:
    """One stream of answers for a thread that waits for each."""

    def __init__(self, channel: StreamChannel, call: _AsyncCall) -> None:
        self._channel = channel
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._channel._run(self._call.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def cancel(self) -> None:
        with suppress(CallFailed):  # closing the channel has ended it
            self._channel._run(self._call._stream.aclose())


def _failure_of(error: GRPCError, call: Any) -> Failure:
    metadata = tuple((call.trailing_metadata or {}).items())
    return _STATUS[error.status.value], error.message or "", metadata


#: By the number that goes over the wire.
_STATUS: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
