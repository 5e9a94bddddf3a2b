"""Steps that read calls written as JSON: the object with name and arguments, or the arguments alone.

Must bound nothing but depth of recursion, which is none: an answer ends with its context. Arguments are
told as they come; all else is held back until it is certain. Used by the families.
"""

from __future__ import annotations

import json

from hobd.worker.dialect.reading import Hand, Malformed, Say, Script, Steps

_ARGUMENTS = ("arguments", "parameters")
#: No name of a tool is longer; what is longer is no name.
MOST_NAME_CHARACTERS = 64


def call_object(hand: Hand, names: frozenset[str], *, is_open: bool = False) -> Script:
    """{"name": "f", "arguments": {...}}, other members ignored. `is_open`: the first bracket was read."""
    if not is_open:
        yield from hand.expect("{")
    name, early = "", ""
    while True:
        key = yield from _string(hand)
        yield from hand.expect(":")
        if key == "name":
            name = yield from _name(hand, names)
        elif key not in _ARGUMENTS:
            yield from _value(hand, _ignore)
        elif name:
            yield from arguments(hand, name)
            yield from _rest_of_object(hand)
            return
        else:
            early = yield from _early_arguments(hand)
        if (yield from hand.expect(",}")) == "}":
            _call_at_once(hand, name, early)
            return


def arguments(hand: Hand, name: str) -> Script:
    """The arguments of a call, which is certain with their first character."""
    if (yield from hand.expect('{"')) == "{":
        hand.begin(name)
        hand.argue("{")
        yield from _rest_of_compound(hand, hand.argue)
    else:  # some write the object as a string
        text = yield from _rest_of_string(hand)
        hand.begin(name)
        hand.argue(text)
    hand.end()


def bare_name(hand: Hand, names: frozenset[str], ends: str) -> Steps[str]:
    """A name without quotes, up to one of the characters `ends`, which stays to be read."""
    name = ""
    while (character := (yield from hand.character())) not in ends:
        name += character
        if len(name.strip()) > MOST_NAME_CHARACTERS:
            raise Malformed
    if name.strip() not in names:
        raise Malformed
    hand.put_back()
    return name.strip()


def literal(hand: Hand, text: str) -> Script:
    """Exactly this, whatever spaces come before it."""
    yield from hand.expect(text[0])
    for wanted in text[1:]:
        if (yield from hand.character()) != wanted:
            raise Malformed


# ---------------------------------------------------------------------- members of a call


def _name(hand: Hand, names: frozenset[str]) -> Steps[str]:
    name = yield from _string(hand)
    if name not in names:
        raise Malformed
    return name


def _early_arguments(hand: Hand) -> Steps[str]:
    """Arguments that come before the name: kept until it is known."""
    pieces: list[str] = []
    yield from _value(hand, pieces.append)
    text = "".join(pieces)
    return str(json.loads(text)) if text.startswith('"') else text


def _call_at_once(hand: Hand, name: str, text: str) -> None:
    """A call whose arguments came first, or not at all."""
    if not name or (text and not text.startswith("{")):
        raise Malformed
    hand.begin(name)
    hand.argue(text or "{}")
    hand.end()


def _rest_of_object(hand: Hand) -> Script:
    """After the arguments: members that nobody needs, and the bracket."""
    while (yield from hand.expect(",}")) == ",":
        yield from _string(hand)
        yield from hand.expect(":")
        yield from _value(hand, _ignore)


# ---------------------------------------------------------------------- JSON


def _value(hand: Hand, take: Say) -> Script:
    """One value. Brackets and strings are followed, the rest is taken as it is."""
    first = yield from hand.solid()
    if first == '"':
        take(json.dumps((yield from _rest_of_string(hand)), ensure_ascii=False))
    elif first in "{[":
        take(first)
        yield from _rest_of_compound(hand, take)
    elif first in ",:}]":
        raise Malformed
    else:
        take(first)
        yield from _rest_of_scalar(hand, take)


def _string(hand: Hand) -> Steps[str]:
    yield from hand.expect('"')
    return (yield from _rest_of_string(hand))


def _rest_of_string(hand: Hand) -> Steps[str]:
    raw: list[str] = []
    is_escaped = False
    while (character := (yield from hand.character())) != '"' or is_escaped:
        raw.append(character)
        is_escaped = character == "\\" and not is_escaped
    try:
        text = str(json.loads(f'"{"".join(raw)}"', strict=False))
        text.encode()  # half a surrogate pair is no text
    except ValueError:
        raise Malformed from None
    return text


def _rest_of_compound(hand: Hand, take: Say) -> Script:
    depth, in_string, is_escaped = 1, False, False
    while depth:
        character = yield from hand.character()
        take(character)
        if in_string:
            in_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1


def _rest_of_scalar(hand: Hand, take: Say) -> Script:
    while (character := (yield from hand.character())) not in ',:}]"{[' and not character.isspace():
        take(character)
    hand.put_back()


def _ignore(text: str) -> None:
    """Nobody needs it."""
