"""What an answer may look like: makes grammars of constraints, and compiles them with llguidance.

Must be the only module that imports llguidance, and only when a constraint comes. A grammar is as hostile as
whoever wrote it: it may take the compiler's stack or hours, so it is compiled in the worker only after it has
been in the renderer's expendable child (`rehearse`). Used by llama_engine.py and renderer.py.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import signal
import sys
import types
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

import msgspec

from hobd.wire.messages import Constraint
from hobd.worker.engine import ConstraintUnusable
from hobd.worker.lexicon import Lexicon
from hobd.worker.renderer import Done, Failed, Trial

#: Processor time that a rehearsal may take before it is killed; compiling in the worker takes about as long.
COMPILE_SECONDS = 0.5
# Of one grammar and of one step: it costs milliseconds and megabytes, or it ends.
_LIMITS = {
    "max_items_in_row": 2000,
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 20_000,
    "max_lexer_states": 20_000,
    "max_grammar_size": 100_000,
    "precompute_large_lexemes": False,  # walks the whole vocabulary before the first token
    "verbose_errors": False,  # they would quote the grammar and the answer
}
# The last of its kind in a grammar counts. Looking ahead for text that is certain has no limit (one step was
# seen to take seconds), asks for a tokenizer that spells exactly, and gains little.
_STYLE = '\n%llguidance {"no_forcing": true}\n'
# A model that likes spaces must not go on with them for ever.
_JSON_STYLE = {"x-guidance": {"whitespace_pattern": r"[\x20\x0A\x0D\x09]{1,16}"}}


class Grammars:
    """Compiles constraints for one vocabulary. The tokenizer is made at the first, in about 0.2 s."""

    def __init__(self, read: Callable[[], Lexicon]) -> None:
        self._read = read
        self._tokenizer: Any = None

    def matcher(self, constraint: Constraint) -> tuple[Any, int]:
        """A new LLMatcher at an answer's beginning, and a token that ends one. Raises ConstraintUnusable."""
        if self._tokenizer is None:
            self._tokenizer = _Spelling(self._read()).tokenizer
        return _compile(self._tokenizer, constraint), self._tokenizer.eos_token


class _Spelling:
    """What LLTokenizer asks for: the bytes of tokens."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, vocabulary: Lexicon) -> None:
        if not vocabulary.ends:
            raise ConstraintUnusable(
                "this model has no token that ends an answer, and response_format needs one; leave it unset"
            )
        self.tokens = vocabulary.tokens
        self.special_token_ids = vocabulary.special
        self.eos_token_id = vocabulary.ends[0]
        self.tokenizer = _library().LLTokenizer(
            self, n_vocab=len(vocabulary.tokens), eos_token=vocabulary.ends
        )

    def __call__(self, text: str) -> list[int]:
        """The tokens of text that a grammar forces; nobody asks while `_STYLE` is in force."""
        greedy: list[int] = self.tokenizer.greedy_tokenize(text)
        return greedy


# ---------------------------------------------------------------------- the rehearsal


def warm_up() -> None:
    """Loads all that a rehearsal, and compiling after it, needs, while files may still be opened."""
    _library()
    _gbnf_to_lark()


def rehearse(trial: Trial) -> Done | Failed:
    """Compiles a grammar for an alphabet of bytes and begins an answer; only whether it can matters."""
    signal.setitimer(signal.ITIMER_PROF, COMPILE_SECONDS)  # nobody handles its signal, so it kills
    try:
        matcher = _compile(_bytes_tokenizer(), trial.constraint)
        matcher.compute_bitmask()
        _check(matcher, trial.constraint)
    except ConstraintUnusable as error:
        return Failed(kind="constraint", detail=str(error)[:300])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return Done(text="")


@cache
def _bytes_tokenizer() -> Any:
    alphabet = Lexicon([bytes([byte]) for byte in range(256)] + [b"end"], [256], [256])
    return _Spelling(alphabet).tokenizer


# ---------------------------------------------------------------------- compiling


@cache
def _library() -> Any:
    """llguidance's native part without its package, which imports ten times as much."""
    spec = importlib.util.find_spec("llguidance")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("llguidance is not installed; run `make demo`, or `pip install hob[engine]`")
    package = types.ModuleType("llguidance")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules.setdefault("llguidance", package)
    return importlib.import_module("llguidance._lib")


def _gbnf_to_lark() -> Callable[[str], str]:
    _library()
    convert: Callable[[str], str] = importlib.import_module("llguidance.gbnf_to_lark").gbnf_to_lark
    return convert


def _compile(tokenizer: Any, constraint: Constraint) -> Any:
    library = _library()
    grammar = json.dumps({"grammars": [{"lark_grammar": _lark(constraint) + _STYLE}]})
    # The interpreter is free for the loop meanwhile.
    matcher = library.LLMatcher(tokenizer, grammar, log_level=0, limits=library.LLParserLimits(**_LIMITS))
    _check(matcher, constraint)
    return matcher


def _check(matcher: Any, constraint: Constraint) -> None:
    if matcher.is_error():
        _refuse(constraint.field, *_explain(matcher.get_error(), is_text_its_own=constraint.kind == "lark"))


def _lark(constraint: Constraint) -> str:
    """A constraint in the language that llguidance has everything in. Raises ConstraintUnusable."""
    match constraint.kind:
        case "json":
            return _of_schema("{}")
        case "json_schema":
            return _of_schema(constraint.text)
        case "regex":
            return _of_regex(constraint.text)
        case "gbnf":
            return _of_gbnf(constraint.text)
        case "lark" | "calls":
            return constraint.text
        case "choice":
            return _of_regex(_any_of(json.loads(constraint.text)))


def _of_regex(text: str) -> str:
    grammar = json.loads(_library().LLMatcher.grammar_from_regex(text))
    lark: str = grammar["grammars"][0]["lark_grammar"]
    return lark


def _any_of(choices: list[str]) -> str:
    """A regular expression for these texts and no other."""
    return "|".join("".join(map(_literal, choice)) for choice in choices)


def _literal(character: str) -> str:
    return character if character.isalnum() or character == " " else f"\\x{{{ord(character):x}}}"


def _of_schema(text: str) -> str:
    fault = ""
    try:
        schema = msgspec.json.decode(text)
        if isinstance(schema, bool):
            schema = {} if schema else {"not": {}}
        if isinstance(schema, dict):
            # Only what was read whole is written: text put between braces could close them.
            return f"start: %json {msgspec.json.encode(_JSON_STYLE | schema).decode()}"
        fault = "a schema is an object or a boolean"
    except (ValueError, OverflowError, RecursionError) as error:
        found = re.search(r"byte \d+", str(error))
        fault = f"it is not JSON{f' at {found[0]}' if found else ''}"
    _refuse("response_format.json_schema", fault)


def _of_gbnf(text: str) -> str:
    fault = ""
    try:
        return _gbnf_to_lark()(text)
    except Exception as error:  # it raises what Python does, at any odd grammar
        found = re.search(r"line \d+", str(error))
        fault = f"it is not GBNF{f', see {found[0]}' if found else ''}"
    _refuse("response_format.gbnf", fault)


# ---------------------------------------------------------------------- reasons

#: How llguidance begins -> what we say, where its own words are not enough.
_REASONS = {
    "Unimplemented keys": "it has keywords that are not supported",
    "Pointer": "a $ref leads nowhere in it",
    "Resource": "a $ref leads out of it, where nothing is read",
    "patternProperty regexes": "its patternProperties overlap",
    "unknown name": "it uses a name that it does not define",
    "oneOf constraints are not supported": "oneOf works only where its parts exclude each other; use anyOf",
    "recursion limit exceeded": "it is nested too deeply",
    "lark grammar too deeply nested": "it is nested too deeply",
}
_PLACE = re.compile(r"^(?:at )?(\d+)\((\d+)\): (?:failed to compile JSON schema: )?")
_OWN_WORDS = re.compile(r"[A-Za-z][A-Za-z ,\-]*")  # until anything that could begin a quotation
_REGEX_FAULT = re.compile(r"^error: ([a-z][a-z ,\-]*)$", re.MULTILINE)
#: The words of JSON schemas that a sentence may name, because they are nobody's secret.
_KEYWORDS = re.compile(
    r'"(uniqueItems|contains|minContains|maxContains|not|if|then|else|dependentSchemas|dependentRequired|'
    r"dependencies|propertyNames|unevaluatedItems|unevaluatedProperties|contentEncoding|contentMediaType|"
    r'\$dynamicRef|\$recursiveRef)"'
)


def _explain(told: str, *, is_text_its_own: bool) -> tuple[str, str]:
    """The kind of fault and its place, without a word of the grammar's."""
    place = _PLACE.match(told)
    words = _OWN_WORDS.match(told, place.end() if place else 0)
    reason = words[0].strip(" ,-")[:80] if words else "it cannot be compiled"
    reason = _REASONS.get(reason, reason)
    if fault := _REGEX_FAULT.search(told):
        reason = f"it has a regular expression with this fault: {fault[1][:80]}"
    if keywords := _KEYWORDS.findall(told.partition("\n")[0]):
        reason += f" ({', '.join(keywords)})"
    # A grammar that was made from the text has other lines than the text.
    return reason, f" at line {place[1]}, column {place[2]}" if place and is_text_its_own else ""


def _refuse(field: str, reason: str, place: str = "") -> NoReturn:
    raise ConstraintUnusable(f"{field} cannot be used: {reason}{place}; mend it")
