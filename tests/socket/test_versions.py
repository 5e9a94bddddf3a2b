"""Neighbouring versions: what was released still means the same, and newer words do no harm."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message

from tests.contract import PROTO, RELEASED, breaches, classes, compiled
from tests.daemon import RunningDaemon

#: A field that no version has: number 2000, a string.
NEWER_FIELD = b"\x82\x7d\x05newer"


@pytest.fixture(params=RELEASED, ids=lambda path: path.name)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> FileDescriptorSet:
    """Each contract that was released."""
    return compiled(request.param, tmp_path)


def test_what_was_released_still_means_the_same(released: FileDescriptorSet, tmp_path: Path) -> None:
    assert breaches(released, compiled(PROTO, tmp_path)) == []


def test_a_change_of_the_contract_is_found(released: FileDescriptorSet) -> None:
    changed = FileDescriptorSet.FromString(released.SerializeToString())
    (file,) = (file for file in changed.file if file.name.endswith("inference.proto"))
    file.message_type[0].field[0].number += 100
    del file.service[0].method[0]
    assert len(breaches(released, changed)) == 2


def generate(daemon: RunningDaemon, version: dict[str, type[Message]], request: bytes) -> list[Message]:
    """An answer, as a client of a version reads it."""
    read = version["hob.v1.GenerateResponse"].FromString
    with grpc.insecure_channel(f"unix:{daemon.socket}") as channel:
        call = channel.unary_stream("/hob.v1.InferenceService/Generate", None, read)
        return list(call(request, timeout=30))


def test_a_client_of_a_released_version_is_answered(
    released: FileDescriptorSet, daemon: RunningDaemon
) -> None:
    daemon.start().add_model("m")
    version = classes(released)
    request = version["hob.v1.GenerateRequest"](model="m", text="hello")  # type: ignore[call-arg]
    *_, last = generate(daemon, version, request.SerializeToString())
    assert last.event.WhichOneof("kind") == "done"


def test_what_a_newer_client_says_besides_is_passed_over(
    released: FileDescriptorSet, daemon: RunningDaemon
) -> None:
    daemon.start().add_model("m")
    version = classes(released)
    request = version["hob.v1.GenerateRequest"](model="m", text="hello")  # type: ignore[call-arg]
    *_, last = generate(daemon, version, request.SerializeToString() + NEWER_FIELD)
    assert last.event.WhichOneof("kind") == "done"
