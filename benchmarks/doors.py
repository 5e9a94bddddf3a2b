"""Which library should serve the doors: grpclib against grpcio, the same stream over a Unix socket.

Must measure the server's processor time, not the wall of a shared machine. Run by benchmarks/__main__.py
as `python -m benchmarks.doors grpclib|grpcio`; prints one JSON object. The client is grpcio in a process
of its own, as hob's is.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from hob.v1 import inference_pb2 as pb
from hob.v1 import inference_pb2_grpc as stubs

NUM_MESSAGES = 4000
NUM_UNARY = 500


def responses() -> Iterator[pb.GenerateResponse]:
    for _ in range(NUM_MESSAGES):
        yield pb.GenerateResponse(event=pb.Event(delta=pb.TokenDelta(text=" token", num_tokens=1)))


async def serve_grpclib(path: str) -> None:
    from grpclib.server import Server
    from hob.v1.inference_grpc import InferenceServiceBase

    class Service(InferenceServiceBase):
        async def Generate(self, stream) -> None:  # type: ignore[no-untyped-def]
            await stream.recv_message()
            for response in responses():
                await stream.send_message(response)

        async def Tokenize(self, stream) -> None:  # type: ignore[no-untyped-def]
            await stream.recv_message()
            await stream.send_message(pb.TokenizeResponse(ids=[1, 2, 3]))

        Chat = Infill = Embed = Rerank = Detokenize = ApplyTemplate = Tokenize

    server = Server([Service()])
    await server.start(path=path)
    await server.wait_closed()


async def serve_grpcio(path: str) -> None:
    class Service(stubs.InferenceServiceServicer):
        async def Generate(self, request, context):  # type: ignore[no-untyped-def]
            for response in responses():
                yield response

        async def Tokenize(self, request, context):  # type: ignore[no-untyped-def]
            return pb.TokenizeResponse(ids=[1, 2, 3])

    server = grpc.aio.server()
    stubs.add_InferenceServiceServicer_to_server(Service(), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await server.wait_for_termination()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(library: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/door.sock"
        server = subprocess.Popen([sys.executable, "-m", "benchmarks.doors", f"serve-{library}", path])
        try:
            while not os.path.exists(path):
                time.sleep(0.01)
            with grpc.insecure_channel(f"unix:{path}") as channel:
                return _ask(stubs.InferenceServiceStub(channel), server.pid)
        finally:
            server.kill()
            server.wait()


def _ask(stub: stubs.InferenceServiceStub, pid: int) -> dict[str, float]:
    for _ in range(20):
        stub.Tokenize(pb.TokenizeRequest(), wait_for_ready=True)
    before, began = processor_seconds(pid), time.perf_counter()
    for _ in range(4):
        count = sum(1 for _ in stub.Generate(pb.GenerateRequest()))
        assert count == NUM_MESSAGES
    stream_cpu, stream_wall = processor_seconds(pid) - before, time.perf_counter() - began
    before, began = processor_seconds(pid), time.perf_counter()
    for _ in range(NUM_UNARY):
        stub.Tokenize(pb.TokenizeRequest())
    unary_cpu, unary_wall = processor_seconds(pid) - before, time.perf_counter() - began
    return {
        "stream_server_us_per_message": 1e6 * stream_cpu / (4 * NUM_MESSAGES),
        "stream_messages_per_s": 4 * NUM_MESSAGES / stream_wall,
        "unary_server_us": 1e6 * unary_cpu / NUM_UNARY,
        "unary_round_trip_us": 1e6 * unary_wall / NUM_UNARY,
    }


if __name__ == "__main__":
    command = sys.argv[1]
    if command.startswith("serve-"):
        asyncio.run(serve_grpclib(sys.argv[2]) if command == "serve-grpclib" else serve_grpcio(sys.argv[2]))
    else:
        print(json.dumps(measure(command)))
