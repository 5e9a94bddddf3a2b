"""Manual pages and the reference of the commands, both from what the commands say of themselves.

Must know nothing about any command. Called by deb.py, and by docs/ for its pages.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import click

_MANUAL = "hob manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One command, or group of commands, as its help has it."""

    path: tuple[str, ...]  # ("hob", "door", "add")
    usage: str
    summary: str
    text: tuple[str, ...]  # paragraphs
    arguments: tuple[tuple[str, str], ...]  # terms, and what they mean
    options: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return "-".join(self.path)


def entries(command: click.Command, name: str = "hob") -> Iterator[Entry]:
    """The command and all below it, depth first."""
    yield from _walk(command, click.Context(command, info_name=name), (name,))


def roff(entry: Entry, version: str, exits: str = "") -> str:
    """A page for man(1). `exits` goes verbatim under its own heading."""
    lines = [
        f'.TH "{entry.name.upper()}" 1 "" "hob {version}" "{_MANUAL}"',
        ".SH NAME",
        f"{_plain(entry.name)} \\- {_plain(entry.summary.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_plain(entry.usage)}",
        ".SH DESCRIPTION",
    ]
    for paragraph in entry.text:
        lines += [".PP", _plain(paragraph)]
    for title, terms in (("ARGUMENTS", entry.arguments), ("OPTIONS", entry.options)):
        lines += _section(title, terms)
    if entry.commands:
        pages = tuple((f"{entry.name}-{name}(1)", summary) for name, summary in entry.commands)
        lines += _section("COMMANDS", pages)
    if exits:
        lines += [".SH EXIT STATUS", ".nf", *map(_plain, exits.splitlines()), ".fi"]
    if len(entry.path) > 1:
        lines += [".SH SEE ALSO", f".BR {'-'.join(entry.path[:-1])} (1)"]
    return "\n".join(lines) + "\n"


def markdown(entry: Entry) -> str:
    """A section for the site."""
    lines = [f"## {' '.join(entry.path)}", "", entry.summary, "", "```text", entry.usage, "```", ""]
    for paragraph in entry.text[1:]:
        lines += [paragraph, ""]
    for title, terms in (("Arguments", entry.arguments), ("Options", entry.options)):
        if terms:
            lines += [f"| {title[:-1].lower()} | |", "|---|---|"]  # what is code needs no escape
            lines += [f"| `{' '.join(term.split())}` | {_cell(meaning)} |" for term, meaning in terms] + [""]
    return "\n".join(lines)


# ------------------------------------------------------------------ reading commands


def _walk(command: click.Command, context: click.Context, path: tuple[str, ...]) -> Iterator[Entry]:
    below: list[tuple[str, click.Command]] = []
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        found = ((name, command.get_command(context, name)) for name in names)
        below = [(name, each) for name, each in found if each is not None and not each.hidden]
    paragraphs = tuple(_paragraphs(command.help or ""))
    yield Entry(
        path=path,
        usage=" ".join([" ".join(path), *command.collect_usage_pieces(context)]),
        summary=paragraphs[0] if paragraphs else "",
        text=paragraphs,
        arguments=tuple(_arguments(command, context)),
        options=tuple(_options(command, context)),
        commands=tuple((name, each.get_short_help_str(200)) for name, each in below),
    )
    for name, each in below:
        yield from _walk(each, click.Context(each, parent=context, info_name=name), (*path, name))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in textwrap.dedent(text).replace("\b\n", "").split("\n\n"):
        if words := " ".join(paragraph.split()):
            yield words


def _arguments(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Argument):
            meaning = "as many as you like" if parameter.nargs < 0 else ""
            if not parameter.required:
                meaning = f"{meaning}; optional".lstrip("; ")
            yield parameter.make_metavar(context).strip("[].") or (parameter.name or ""), meaning


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            yield record


# ------------------------------------------------------------------ writing pages


def _section(title: str, terms: tuple[tuple[str, str], ...]) -> list[str]:
    if not terms:
        return []
    lines = [f".SH {title}"]
    for term, meaning in terms:
        lines += [".TP", f"\\fB{_plain(term)}\\fR", _plain(meaning)]
    return lines


def _plain(text: str) -> str:
    """No word of it means anything to roff."""
    quoted = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{quoted}" if quoted.startswith((".", "'")) else quoted


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
