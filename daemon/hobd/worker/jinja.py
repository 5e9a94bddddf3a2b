"""Renders one conversation with a model's own chat template, as the template's authors expect it.

Must bound nothing: time, memory and crashes are renderer.py's business, and this runs only in its
processes, because the template is as hostile as the file it came from. The only file that imports jinja2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2.debug  # noqa: F401  jinja2 imports it at the first error, when files may be out of reach
import msgspec
from jinja2 import Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hobd.worker.renderer import MAX_OUTPUT_BYTES, RESERVED_NAMES, Ask, Done, Failed

# Ends the last message while it is rendered, so that the end can be found again whatever the template does
# to spaces. The private-use characters keep it apart from what anyone writes.
_MARK = "\ue000continue-here\ue000 "
# A template without the word takes contents that are texts.
_KNOWS_PARTS = re.compile(r"\btype\b")
_PROBE = "hello there"


class _Fault(Exception):
    """A fault of the request that has a name of its own in `Failed.kind`."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind)
        self.failed = Failed(kind=kind, detail=detail)


def respond(ask: Ask) -> Done | Failed:
    """The rendered text, or why there is none. Raises only MemoryError, which ends the process."""
    try:
        return Done(text=_render(ask))
    except _Fault as fault:
        return fault.failed
    except TemplateSyntaxError as error:
        return Failed(kind="syntax", line=max(0, error.lineno or 0))
    except UndefinedError:
        return Failed(kind="undefined")
    except SecurityError:
        return Failed(kind="forbidden")
    except MemoryError:
        raise
    except Exception:  # whatever a template makes Python raise; its words may hold text of the prompt
        return Failed(kind="failed")


def warm_up() -> None:
    """Loads what Python and Jinja load at first use (a codec for string literals, for one), while it can."""
    template = _ENVIRONMENT.from_string(
        "{{ 'é' | tojson | wordwrap }}{{ 1 | pprint }}{{ strftime_now('%x') }}"
    )
    "".join(_pieces(template, {}))


def _render(ask: Ask) -> str:
    template = _compile(ask.template)
    messages = _conversation(ask.messages)
    if ask.continue_last:
        messages[-1] = _marked(messages[-1])
    if _wants_parts(ask.template):
        messages = [_in_parts(message) for message in messages]
    text = _bounded(template, _arguments(ask.arguments) | {
        "messages": messages,
        "tools": _decode(ask.tools or b"null") or None,
        "add_generation_prompt": ask.add_generation_prompt and not ask.continue_last,
        "bos_token": ask.bos,
        "eos_token": ask.eos,
    })  # fmt: skip
    return _cut_at_mark(text) if ask.continue_last else text


@lru_cache(maxsize=8)
def _compile(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)


@lru_cache(maxsize=8)
def _wants_parts(source: str) -> bool:
    """Whether it shows a message only if its content is a list, as templates of models that see may do."""
    if _KNOWS_PARTS.search(source) is None:
        return False
    message = {"role": "user", "content": _PROBE}
    return not _shows_probe(source, message) and _shows_probe(source, _in_parts(message))


def _shows_probe(source: str, message: dict[str, Any]) -> bool:
    variables = {"messages": [message], "add_generation_prompt": False, "bos_token": "", "eos_token": ""}
    try:
        return _PROBE in _bounded(_compile(source), variables | {"tools": None})
    except MemoryError:
        raise
    except Exception:  # it has rules for messages that this one breaks, so nothing is learned
        return False


def _bounded(template: Template, variables: dict[str, Any]) -> str:
    pieces: list[str] = []
    size = 0
    # Not Template.render: a template that writes for ever has to be stopped at the cap, not after.
    for piece in _pieces(template, variables):
        size += len(piece)
        if size > MAX_OUTPUT_BYTES:
            raise _Fault("output")
        pieces.append(piece)
    text = "".join(pieces)
    if len(text.encode()) > MAX_OUTPUT_BYTES:
        raise _Fault("output")
    return text


def _pieces(template: Template, variables: dict[str, Any]) -> Iterator[str]:
    return template.root_render_func(template.new_context(variables))


# ------------------------------------------------------------------ what the template sees


def _conversation(data: bytes) -> list[dict[str, Any]]:
    messages = _decode(data)
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise _Fault("messages")
    return [_flat(message) for message in messages]


def _flat(message: dict[str, Any]) -> dict[str, Any]:
    """Content that is text only becomes a string: many templates know nothing else."""
    parts = message.get("content")
    if not isinstance(parts, list):
        return message
    texts = [text for part in parts if (text := _text_of(part)) is not None]
    return message | {"content": "".join(texts)} if len(texts) == len(parts) else message


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    return message | {"content": [{"type": "text", "text": content}]} if isinstance(content, str) else message


def _text_of(part: object) -> str | None:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
    return None


def _arguments(data: bytes) -> dict[str, Any]:
    arguments = _decode(data or b"{}")
    if not isinstance(arguments, dict):
        raise _Fault("arguments")
    for name in sorted(RESERVED_NAMES & arguments.keys()):
        raise _Fault("reserved", name)
    return arguments


def _decode(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Fault("json") from None


def _marked(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, str):
        raise _Fault("continue")
    return message | {"content": content + _MARK}


def _cut_at_mark(text: str) -> str:
    at = text.rfind(_MARK.rstrip())
    if at < 0:
        raise _Fault("continue")
    # A template that trims content would have trimmed the message's own last spaces too.
    return text[:at] if text.startswith(_MARK, at) else text[:at].rstrip()


# ------------------------------------------------------------------ the language of chat templates


def _raise_exception(message: str) -> NoReturn:
    raise _Fault("raised", str(message)[:300])


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As transformers does, and unlike Jinja's own: no HTML escapes, keys in their order."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


class _Generation(Extension):
    """`{% generation %}` marks the assistant's words for training; here its body is only a scope."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension, _Generation]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


_ENVIRONMENT = _environment()
