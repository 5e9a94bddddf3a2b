"""What may leave the machine in a report: hob's own words, and numbers."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from hob_cli.report import washing
from hob_cli.report.washing import CONFIG, EVENTS, Names
from hobd.config.keys import all_keys
from hypothesis import given
from hypothesis import strategies as st

DAEMON = Path(__file__).parents[4] / "daemon"
CANARY = "kanarienvogel"
_texts = st.text("abc-=\" '/\\\n", max_size=20).map(lambda text: f"{text}{CANARY}{text}")
_values = st.one_of(_texts, st.lists(_texts), st.dictionaries(_texts, _texts))
_keys = st.sampled_from([*CONFIG, "doors", "other", CANARY])
_names = st.sampled_from(["log_level", "default", "dir", "threads", "trusted_keys", CANARY])


def test_every_key_of_the_configuration_is_known_to_reports() -> None:
    assert {f"{section}.{name}" for section in CONFIG for name in CONFIG[section]} == set(all_keys())


def test_every_event_of_the_log_is_known_to_reports() -> None:
    told = set()
    for path in DAEMON.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_event = isinstance(node, ast.Call) and ast.unparse(node.func) in ("log.event", "event")
            if is_event and node.args and isinstance(node.args[0], ast.Constant):
                told.add(node.args[0].value)
    assert told <= EVENTS


@given(st.dictionaries(_keys, st.one_of(_values, st.dictionaries(_names, _values, max_size=4)), max_size=6))
def test_no_text_of_a_configuration_passes(tables: dict[str, object]) -> None:
    assert CANARY not in json.dumps(washing.config(tables))


def test_words_that_hob_defines_pass() -> None:
    told = washing.config({"engine": {"kv_type": "q8_0", "threads": 3}, "models": {"default": "mine"}})
    assert told["engine"] == {"kv_type": "q8_0", "threads": 3}
    assert told["models"] == {"default": washing.HIDDEN}


@given(st.lists(st.tuples(st.sampled_from(["why", "model", "error", "ms", "event", "time"]), _texts)))
def test_no_text_of_a_log_passes(fields: list[tuple[str, str]]) -> None:
    more = " ".join(f'{key}="{value}"' for key, value in fields)
    line = f"time=2026-01-01T00:00:00.000Z level=info event=serving {more}"
    assert CANARY not in json.dumps(washing.log([line, more, CANARY], Names()))


def test_event_keeps_its_numbers_and_the_same_model_its_number() -> None:
    line = 'time=2026-01-01T00:00:00.000Z level=error event=load_failed model=mine ms=12 why="no such file"'
    failed = 'time=2026-01-01T00:00:00.000Z level=error event=uncaught error="ValueError at me/secret.py:12"'
    first, second, third = washing.log([line, line, failed], Names())
    assert first == second and first["model"] == "model-1" and first["ms"] == 12 and "why" not in first
    assert third["error"] == "ValueError at line 12"
