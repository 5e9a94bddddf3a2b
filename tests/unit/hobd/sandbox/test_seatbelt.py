"""The profile for macOS as text: a reader of its language finds what was meant, whatever paths there are.

Must not need a macOS: whether its kernel agrees is shown nowhere yet.
Run by pytest.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

import pytest
from hobd.sandbox.failure import SandboxError
from hobd.sandbox.seatbelt import quoted, worker_profile
from hypothesis import given
from hypothesis import strategies as st

TOKEN = re.compile(r'\s*(?:([()])|"((?:[^"\\]|\\.)*)"|([^\s()"]+))', re.DOTALL)
#: Letters of the profile's own language among all others.
NAMES = st.text(st.sampled_from('ab "\\();*.é-') | st.characters(exclude_characters="/\0"), min_size=1)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


class Text(str):
    """A quoted string, which no symbol is equal in kind to."""


def parsed(profile: str) -> list[Any]:
    """The rules as nested lists; fails for what is not balanced or no token."""
    stack: list[list[Any]] = [[]]
    at = 0
    while profile[at:].strip():
        token = TOKEN.match(profile, at)
        assert token, profile[at : at + 40]
        at = token.end()
        bracket, text, symbol = token.groups()
        if bracket == "(":
            stack.append([])
        elif bracket == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(symbol if text is None else Text(re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)))
    (rules,) = stack
    return rules


def allowed_paths(profile: str, operation: str) -> set[str]:
    rules = (rule for rule in parsed(profile) if rule[0] == "allow" and operation in rule)
    return {part[1] for rule in rules for part in rule if isinstance(part, list)}


def is_nameable(path: str) -> bool:
    return path.isprintable() and posixpath.normpath(path).strip("/") != ""


@given(st.lists(PATHS.filter(is_nameable), max_size=5))
def test_every_path_is_one_text_and_never_a_rule(paths: list[str]) -> None:
    profile = worker_profile(paths)
    assert len(parsed(profile)) == len(parsed(worker_profile([])))
    assert allowed_paths(profile, "file-read*") >= {posixpath.normpath(path) for path in paths}


@given(st.lists(PATHS.filter(is_nameable), max_size=5))
def test_everything_is_denied_before_little_is_allowed(paths: list[str]) -> None:
    rules = parsed(worker_profile(paths))
    denied = [rule[1] for rule in rules if rule[0] == "deny"]
    assert rules[:2] == [["version", "1"], ["deny", "default"]]
    assert {"network*", "process-exec*", "mach-lookup"} <= set(denied)
    assert [rule[0] for rule in rules[1:]] == ["deny"] * len(denied) + ["allow"] * (
        len(rules) - 1 - len(denied)
    )


@given(st.lists(PATHS.filter(is_nameable), max_size=5))
def test_no_rule_allows_networks_programs_or_writing(paths: list[str]) -> None:
    operations = {
        word
        for rule in parsed(worker_profile(paths))
        for word in rule[1:]
        if rule[0] == "allow" and isinstance(word, str)
    }
    harmless = {"file-read*", "file-read-metadata", "file-map-executable", "file-write-data", "sysctl-read"}
    own = {"process-fork", "process-info-pidinfo", "process-info-setcontrol", "signal"}
    assert operations == harmless | own


def test_writing_goes_nowhere() -> None:
    assert allowed_paths(worker_profile(["/opt/hob"]), "file-write-data") == {"/dev/null"}


@given(st.text())
def test_text_is_read_back_as_it_was_or_refused(text: str) -> None:
    if not text.isprintable():
        with pytest.raises(SandboxError, match="no profile can name"):
            quoted(text)
        return
    assert parsed(quoted(text)) == [text]


@pytest.mark.parametrize("path", ["/", "//", "/.", "/a/..", "relative", "."])
def test_whole_machine_is_never_allowed(path: str) -> None:
    with pytest.raises(SandboxError, match="may not read all of"):
        worker_profile([path])


def test_way_to_a_folder_can_be_looked_at_and_not_listed() -> None:
    profile = worker_profile(["/opt/hob/lib"])
    assert {"/", "/opt", "/opt/hob"} <= allowed_paths(profile, "file-read-metadata")
    assert not {"/", "/opt", "/opt/hob"} & allowed_paths(profile, "file-read*")
