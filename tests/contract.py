"""The contract as it was released, compiled anew, and what has become of it since.

Must know nothing of what messages mean: numbers, types and names are all that two versions agree on. Used by
tests of compatibility.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClassesForFiles

PROTO = Path(__file__).parents[1] / "proto"
RELEASED = sorted((PROTO / "released").iterdir())


def compiled(directory: Path, into: Path) -> FileDescriptorSet:
    """Every file of hob.v1 below a directory, with what they import."""
    target = into / f"{directory.name}.binpb"
    files = sorted(str(path) for path in (directory / "hob" / "v1").glob("*.proto"))
    options = [f"--proto_path={directory}", "--include_imports", f"--descriptor_set_out={target}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *files], check=True)
    return FileDescriptorSet.FromString(target.read_bytes())


def classes(files: FileDescriptorSet) -> dict[str, type[Message]]:
    """The messages as a program of that version has them, whatever else this process knows."""
    pool = DescriptorPool()
    for file in files.file:
        pool.Add(file)
    names = [file.name for file in files.file]
    return dict(GetMessageClassesForFiles(names, pool))


def breaches(old: FileDescriptorSet, new: FileDescriptorSet) -> list[str]:
    """What a program of the old version would misread, or miss. Additions are none."""
    return [*_lost(dict(_parts(old)), dict(_parts(new)))]


def _lost(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    for name, meaning in old.items():
        if name not in new:
            yield f"{name} is gone"
        elif new[name] != meaning:
            yield f"{name} was {meaning}, and is {new[name]}"


def _parts(files: FileDescriptorSet) -> Iterator[tuple[str, str]]:
    """Everything that two versions have to agree on, by name."""
    for file in files.file:
        for message in file.message_type:
            yield from _of_message(f"{file.package}.{message.name}", message)
        for enum in file.enum_type:
            yield from _of_enum(f"{file.package}.{enum.name}", enum)
        for service in file.service:
            for rpc in service.method:
                streams = f"{'stream ' * rpc.client_streaming}in, {'stream ' * rpc.server_streaming}out"
                yield f"{service.name}.{rpc.name}", f"{rpc.input_type} to {rpc.output_type}, {streams}"


def _of_message(name: str, message: DescriptorProto) -> Iterator[tuple[str, str]]:
    for field in message.field:
        kind = FieldDescriptorProto.Type.Name(field.type)
        label = FieldDescriptorProto.Label.Name(field.label)
        place = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else "no oneof"
        yield f"{name}.{field.name}", f"{field.number} {label} {kind} {field.type_name} in {place}"
    for nested in message.nested_type:
        yield from _of_message(f"{name}.{nested.name}", nested)
    for enum in message.enum_type:
        yield from _of_enum(f"{name}.{enum.name}", enum)


def _of_enum(name: str, enum: EnumDescriptorProto) -> Iterator[tuple[str, str]]:
    for value in enum.value:
        yield f"{name}.{value.name}", str(value.number)
