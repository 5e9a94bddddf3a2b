"""Pages of the site that are made from what they describe: commands, settings, the protocol.

Must add nothing of its own: a page is as true as its source. Called by scripts/docs_pages.py.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from provision import manual, place

_Comments = dict[tuple[int, ...], str]
# Where descriptor.proto keeps things: the numbers of its own fields.
_MESSAGES, _ENUMS, _SERVICES, _NESTED, _MEMBERS = 4, 5, 6, 3, 2


def commands() -> str:
    """Every command with its options, and the exit codes."""
    from hob_cli import exits
    from hob_cli.main import cli

    sections = [manual.markdown(entry) for entry in manual.entries(cli)]
    codes = ["## Exit codes", "", "```text", exits.help_text(), "```", ""]
    return "\n".join(["# Commands", "", *sections, *codes])


def configuration() -> str:
    """The file as it is without one."""
    from hobd.config.schema import Config
    from hobd.config.write import to_toml

    text = to_toml(Config())
    return (
        "# Configuration\n\n`~/.config/hob/config.toml`, with every key at its default. "
        "`hobd --print-config` prints it as it is now.\n\n```toml\n" + text + "```\n"
    )


def protocol() -> str:
    """Services and messages, with the comments that stand beside them."""
    lines = ["# Protocol", "", "gRPC over a Unix socket; the sources are in `proto/hob/v1`.", ""]
    for file in _files():
        comments = {tuple(at.path): _comment(at) for at in file.source_code_info.location}
        lines += [*_services(file, comments), *_all_messages(file, comments)]
    return "\n".join(lines)


# ------------------------------------------------------------------ the protocol


def _files() -> list[FileDescriptorProto]:
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "hob.binpb"
        proto = place.ROOT / "proto"
        files = sorted(str(path) for path in (proto / "hob" / "v1").glob("*.proto"))
        options = [f"--proto_path={proto}", "--include_source_info", f"--descriptor_set_out={target}"]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *files], check=True)
        return list(FileDescriptorSet.FromString(target.read_bytes()).file)


def _services(file: FileDescriptorProto, comments: _Comments) -> Iterator[str]:
    for number, service in enumerate(file.service):
        yield from (f"## {service.name}", "", comments.get((_SERVICES, number), ""), "")
        yield from ("| rpc | takes | gives | |", "|---|---|---|---|")
        for place_, rpc in enumerate(service.method):
            said = comments.get((_SERVICES, number, _MEMBERS, place_), "")
            takes = _linked(rpc.input_type, is_stream=rpc.client_streaming)
            gives = _linked(rpc.output_type, is_stream=rpc.server_streaming)
            yield f"| `{rpc.name}` | {takes} | {gives} | {_cell(said)} |"
        yield ""


def _all_messages(file: FileDescriptorProto, comments: _Comments) -> Iterator[str]:
    for number, message in enumerate(file.message_type):
        yield from _message(message, message.name, (_MESSAGES, number), comments)
    for number, enum in enumerate(file.enum_type):
        at = (_ENUMS, number)
        yield from (f"### {enum.name}", "", comments.get(at, ""), "", "| value | | |", "|---|---|---|")
        for place_, value in enumerate(enum.value):
            yield f"| `{value.name}` | {value.number} | {_cell(comments.get((*at, _MEMBERS, place_), ''))} |"
        yield ""


def _message(message: DescriptorProto, name: str, at: tuple[int, ...], comments: _Comments) -> Iterator[str]:
    yield from (f"### {name}", "", comments.get(at, ""), "")
    if message.field:
        yield from ("| field | type | | |", "|---|---|---|---|")
    for number, field in enumerate(message.field):
        said = comments.get((*at, _MEMBERS, number), "")
        yield f"| `{field.name}` | {_type(field, message)} | {field.number} | {_cell(said)} |"
    yield ""
    for number, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message(nested, f"{name}.{nested.name}", (*at, _NESTED, number), comments)


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            key, value = nested.field
            return f"map of {_type(key, nested)} to {_type(value, nested)}"
    name = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    text = _linked(field.type_name) if field.type_name else f"`{name}`"
    return f"list of {text}" if field.label == FieldDescriptorProto.LABEL_REPEATED else text


def _linked(name: str, *, is_stream: bool = False) -> str:
    own = name.removeprefix(".hob.v1.")
    text = f"`{name.lstrip('.')}`" if own == name else f"[{own}](#{own.lower().replace('.', '')})"
    return f"stream of {text}" if is_stream else text


def _comment(at: object) -> str:
    parts = (getattr(at, "leading_comments", ""), getattr(at, "trailing_comments", ""))
    return " ".join(" ".join(parts).split()).replace("<", "&lt;")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
