"""The gRPC connection to one socket, and the calls of the four services.

Must never dial anything but a Unix socket, or a named pipe of this machine, and never through a proxy.
Used by client.py and async_client.py.
"""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

import grpc

from hob_client.socket_path import target

if sys.platform == "win32":
    from hob_client.windows_pipe import connecting

# A prompt can be as large as a frame to a worker; answers with many logprobs are large too.
_MAX_MESSAGE_BYTES = 16 << 20

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.default_authority", "localhost"),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 2**31 - 1),  # off: the kernel says when the other end is gone
    # A daemon that restarts is back soon, and asking a socket costs next to nothing.
    ("grpc.initial_reconnect_backoff_ms", 20),
    # How long a connection may take to be greeted, whatever gRPC calls it. A socket that a service manager
    # opened takes connections before the daemon that will greet them has started.
    ("grpc.min_reconnect_backoff_ms", 20_000),
    ("grpc.max_reconnect_backoff_ms", 500),
    # Else a new channel inherits the back-off of the one that it replaces.
    ("grpc.use_local_subchannel_pool", 1),
    # No service has a configuration to be looked up, and ours are not to be retried behind our back.
    ("grpc.service_config_disable_resolution", 1),
)
# Iterate on the caller's thread: no hand-over between threads for every piece of text.
_SYNC_OPTIONS = (*_OPTIONS, ("SingleThreadedUnaryStream", 1))


class Link:
    """One connection. Connects when first used, and again by itself after the daemon restarted."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    @cached_property
    def inference(self) -> Any:
        from hob.v1.inference_pb2_grpc import InferenceServiceStub

        stub: Any = InferenceServiceStub
        return stub(self.channel)

    @cached_property
    def models(self) -> Any:
        from hob.v1.models_pb2_grpc import ModelServiceStub

        stub: Any = ModelServiceStub
        return stub(self.channel)

    @cached_property
    def doors(self) -> Any:
        from hob.v1.doors_pb2_grpc import DoorServiceStub

        stub: Any = DoorServiceStub
        return stub(self.channel)

    @cached_property
    def daemon(self) -> Any:
        from hob.v1.daemon_pb2_grpc import DaemonServiceStub

        stub: Any = DaemonServiceStub
        return stub(self.channel)


def open_link(path: str) -> Link:
    if sys.platform == "win32":
        from hob_client.stream_channel import StreamChannel

        return Link(StreamChannel(connecting(path)))
    return Link(grpc.insecure_channel(target(path), options=_SYNC_OPTIONS))


def open_async_link(path: str) -> Link:
    if sys.platform == "win32":
        from hob_client.stream_channel import AsyncStreamChannel

        return Link(AsyncStreamChannel(connecting(path)))
    return Link(grpc.aio.insecure_channel(target(path), options=_OPTIONS))
