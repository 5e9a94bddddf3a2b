"""Odd numbers, texts, JSON, grammars: what a caller would send who wants to see the worker fall.

Must stay pure: the same generator state gives the same value. Called by requests.py alone.
"""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

from tests.media_files import picture, sound

#: In texts that nothing may repeat: neither a log nor an error.
CANARY = "zqCANARYqz"
#: What a uint32 may be that nobody expects.
_COUNTS = (0, 1, 2, 3, 31, 255, 1 << 10, 1 << 16, (1 << 20) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, -1e-45, 1e38, -1e38, math.inf, -math.inf, math.nan, 5.0, 5.1)
_CHUNKS = (
    "the rain on the hills ",
    " ",
    "\n",
    "\t\r\v\f",
    "\0",
    "\x01\x1b[31m\x7f\x85",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "0123456789" * 3,
    "é",
    "e\u0301\u0301\u0301",
    "\u202e\u200b\ufeff",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\ufffd\ufffe\uffff\U0010ffff",
    "\ud7ff\ue000",
    "\\ud800\\udfff",
    "%s{}{{x}}{% raw %}",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<tool_call>",
    "</tool_call>",
    '{"name": "look", "arguments": {',
    "<think>",
    "</think>",
    CANARY,
)
_GRAMMARS: dict[str, tuple[str, ...]] = {
    "regex": (
        "a+",
        "(a|b)*c",
        "[a-z]{3,9}",
        "(((((a?)*)*)*)*)*",
        "(a{1,100}){1,100}",
        "[^\\n]*",
        "",
        "(",
        "\\",
        "(?=a)b",
        "\\1",
        "[z-a]",
        "\\p{L}+",
        "x{99999999}",
        ".",
        "(?i)yes|no",
        "\0",
        "$^",
        "a{0}",
        "\\u{110000}",
    ),
    "gbnf": (
        'root ::= "a" | "b"',
        "root ::= root",
        'root ::= root "a" | ""',
        'root ::= x\nx ::= "y" x | ""',
        'root ::= [a-z]{2,5} "\\n"',
        "root ::= missing",
        "::=",
        'root ::= "' + "a" * 500 + '"',
        'root ::= ""',
        "root ::= [^",
        "root ::= (" * 40,
        "root ::= [\\x00-\\xff]*",
    ),
    "lark": (
        'start: "a"+',
        "start: start",
        "start: /(a|b)*/ start?",
        'start: "a" | start start',
        "start: %json {}",
        'start: %json {"type": "string"}',
        "%import common.WORD\nstart: WORD",
        "start: /[/",
        "start:",
        "start: <|im_end|>",
        "start: <[0-99999999]>",
        "start: <[*]>",
        'start: a{"x"}\na{b}: b',
        'start: "a" ~ 1..1000000',
        "start[max_tokens=0]: /a/",
        "start[capture, temperature=9]: /a*/",
    ),
}
_SCHEMAS: tuple[Any, ...] = (
    {},
    True,
    False,
    {"type": "object"},
    {"type": "string", "maxLength": 3},
    {"type": "string", "minLength": 9, "maxLength": 1},
    {"type": "integer", "minimum": 5, "maximum": 4},
    {"type": "number", "multipleOf": 0},
    {"type": "number", "multipleOf": 1e-300},
    {"enum": []},
    {"enum": [1, "a", None, 1.5]},
    {"const": {"a": [1, 2]}},
    {"$ref": "#"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"$ref": "file:///etc/passwd"},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 1 << 40},
    {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a", "b"]},
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "string", "pattern": "(a|aa)+$"},
    {"type": "string", "pattern": "["},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "x"},
    {"anyOf": [{"type": "string"}, {"type": "null"}]},
    {"allOf": [{"type": "string"}, {"type": "null"}]},
    {"not": {}},
    {"type": []},
    {"type": "nonsense"},
    {"type": 5},
    [],
    5,
)
_JSON = (
    "{}",
    "[]",
    "null",
    '"a"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    "NaN",
    "-Infinity",
    "1e999",
    "1" * 400,
    "-0",
    "[" * 5000,
    "[" * 500 + "]" * 500,
    '{"a":' * 40 + "1" + "}" * 40,
    '{"a": 1, "a": 2}',
    "{",
    "",
    "tru",
    '{"__proto__": {"__class__": []}}',
    "\ufeff{}",
    '"\0"',
    "[1, [2.5, [true, [null]]]]",
)


class Dice(Random):
    """A generator with a temper: some requests are odd all over, some in one field or none.

    With every field as odd as can be nearly all requests would be refused at the door, and no worker tried.
    """

    oddness = 1.0

    def odd(self, chance: float) -> bool:
        """Whether to be odd, where it would be so often."""
        return self.random() < chance * self.oddness


def count(rng: Dice, *ordinary: int) -> int:
    """Mostly something ordinary, so that other fields are looked at too."""
    return rng.choice(_COUNTS) if not ordinary or rng.odd(0.2) else rng.choice(ordinary)


def number(rng: Dice, low: float, high: float) -> float:
    if not rng.odd(0.2):
        return rng.choice((low, high)) if rng.random() < 0.2 else rng.uniform(low, high)
    if rng.random() < 0.3:
        return rng.choice((math.nextafter(low, -math.inf) - 1e-6, high + 1e-3))
    return rng.choice(_FLOATS)


def text(rng: Dice, *, most: int = 12) -> str:
    """Usually short; one in some hundreds is longer than any context, or than any limit."""
    if rng.odd(0.03):
        return ""
    if rng.odd(0.01):
        return rng.choice(_CHUNKS) * rng.choice((300, 3000, 30_000))
    if rng.odd(0.002):
        return rng.choice((" ", "a", "é", "1", "\n", CANARY, "\0", "a b")) * rng.choice(
            (1 << 18, 1 << 20, 9 << 20)
        )
    return "".join(rng.choice(_CHUNKS) for _ in range(rng.randint(1, most)))


def name(rng: Dice, *ordinary: str) -> str:
    if not rng.odd(0.07):
        return rng.choice(ordinary)
    return rng.choice(
        ("", " ", "\0", "é", "a b", "../x", "x" * 65, "x" * 300, "x" * 100_000, "\x1b[2J", "a\nb")
    )


def token(rng: Dice, vocabulary: int = 270) -> int:
    if not rng.odd(0.03):
        return rng.randrange(vocabulary)
    return rng.choice((vocabulary + 100, *_COUNTS))


def tokens(rng: Dice) -> list[int]:
    few = rng.choice((0, 500, 2000)) if rng.odd(0.3) else rng.choice((1, 2, 8, 30, 100, 300))
    if rng.random() < 0.5:  # all of them exist, so that they are run
        return [rng.randrange(270) for _ in range(few)]
    return [token(rng) for _ in range(few)]


def json_text(rng: Dice) -> str:
    return rng.choice(_JSON) if rng.odd(0.6) else json.dumps({"a": text(rng), "n": rng.randint(-9, 9)})


def schema(rng: Dice) -> str:
    roll = rng.random() / (rng.oddness or 0.1)
    if roll < 0.1:
        return json_text(rng)
    if roll < 0.15:
        return '{"anyOf":[' * 60 + "{}" + "]}" * 60
    if roll < 0.2:
        return json.dumps({"enum": [f"{CANARY}{i}" for i in range(rng.choice((10, 1000, 20_000)))]})
    some = rng.choice(_SCHEMAS)
    if roll < 0.6:
        return json.dumps(some)
    inner = {key: rng.choice(_SCHEMAS) for key in rng.sample(("a", "b", "", CANARY, "é\n"), 2)}
    return json.dumps({"type": "object", "properties": inner, "required": list(inner)[:1]})


def grammar(rng: Dice, kind: str) -> str:
    some = rng.choice(_GRAMMARS[kind])
    roll = rng.random()
    if roll < 0.7:
        return some
    if roll < 0.8:
        return some + rng.choice(_GRAMMARS[kind])
    if roll < 0.9 and some:
        place = rng.randrange(len(some))
        return some[:place] + rng.choice(_CHUNKS) + some[place + 1 :]
    return text(rng)


def medium(rng: Dice) -> bytes:
    """An image or a sound: whole, cut short, with wrong bytes in it, or something else."""
    seed, width, height = rng.randrange(9), rng.randrange(1, 80), rng.randrange(1, 80)
    whole = rng.choice(
        (
            lambda: picture(seed, width=width, height=height),
            lambda: picture(seed, width=width, height=height, kind="JPEG"),
            lambda: sound(seed, seconds=rng.choice((0.001, 0.2, 1.0)), rate=rng.choice((1, 8000, 44_100))),
            lambda: rng.randbytes(rng.choice((0, 10, 1000))),
        )
    )()
    if rng.random() < 0.6:
        return whole
    torn = bytearray(whole[: rng.randrange(len(whole) + 1)] if rng.random() < 0.5 else whole)
    for _ in range(min(len(torn), rng.randrange(4))):
        torn[rng.randrange(len(torn))] = rng.randrange(256)
    return bytes(torn)
