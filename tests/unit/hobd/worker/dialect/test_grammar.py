"""What the families' grammars let a model say, compiled by llguidance over an alphabet of bytes and marks."""

from __future__ import annotations

from typing import Any

import pytest
from hobd.wire.messages import Constraint
from hobd.worker.constraint import Grammars
from hobd.worker.dialect import choose
from hobd.worker.dialect.parts import Offer
from hobd.worker.lexicon import Lexicon

from tests.unit.hobd.worker.dialect import transcripts as t

END = 256
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def tool(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


TOOLS = (tool("get_weather", WEATHER), tool("get_time", NOTHING))
HERMES_CALL = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'


class Judge:
    """Tells whether a grammar allows an answer. With `has_tokens`, the family's marks are control tokens."""

    def __init__(self, template: str, prompt: str = "", *, has_tokens: bool = False, **offer: bool) -> None:
        family = choose(template)
        self._marks = {mark: 257 + i for i, mark in enumerate(family.marks)} if has_tokens else {}
        self.grammar = family.grammar(Offer(tools=TOOLS, **offer), prompt, self._marks)
        pieces = [bytes([byte]) for byte in range(256)] + [b"end"] + [mark.encode() for mark in self._marks]
        special = [END, *self._marks.values()]
        vocabulary = Lexicon(pieces, special, [END])
        self._grammars = Grammars(lambda: vocabulary)

    def allows(self, answer: str) -> bool:
        assert self.grammar is not None
        matcher, _ = self._grammars.matcher(Constraint("calls", self.grammar))
        tokens = self._tokens(answer)
        return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = []
        while text:
            mark = next((mark for mark in self._marks if text.startswith(mark)), None)
            tokens += [self._marks[mark]] if mark else text[0].encode()
            text = text[len(mark) if mark else 1 :]
        return tokens


ONE_CALL = {
    "hermes": (t.HERMES, HERMES_CALL, ""),
    "llama": (t.LLAMA, '{"name": "get_time", "parameters": {}}', ""),
    "mistral": (t.MISTRAL, '[TOOL_CALLS][{"name": "get_time", "arguments": {}}]', ""),
    "newer mistral": (t.NEWER_MISTRAL, "[TOOL_CALLS]get_time[ARGS]{}", ""),
    "deepseek r1": (
        t.DEEPSEEK_R1,
        "hm</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n```json\n{}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "<think>\n",
    ),
    "deepseek v3.1": (
        t.DEEPSEEK_V31,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
    ),
    "gemma": (t.GEMMA, '```tool_code\n{"name": "get_time", "arguments": {}}\n```', ""),
    "gpt-oss": (
        t.HARMONY,
        "<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{}",
        "<|start|>assistant",
    ),
    "generic": (t.PLAIN, HERMES_CALL, ""),
}
TWO_CALLS = {
    "hermes": (t.HERMES, f"{HERMES_CALL}\n{HERMES_CALL}"),
    "llama": (t.LLAMA, '{"name": "get_time", "parameters": {}}; {"name": "get_time", "parameters": {}}'),
    "mistral": (
        t.MISTRAL,
        '[TOOL_CALLS][{"name": "get_time", "arguments": {}}, {"name": "get_time", "arguments": {}}]',
    ),
    "newer mistral": (t.NEWER_MISTRAL, "[TOOL_CALLS]get_time[ARGS]{}[TOOL_CALLS]get_time[ARGS]{}"),
}
tokens = pytest.mark.parametrize("has_tokens", [False, True], ids=["marks are text", "marks are tokens"])


@tokens
@pytest.mark.parametrize(("template", "answer", "prompt"), ONE_CALL.values(), ids=ONE_CALL)
def test_required_call_is_all_that_may_be_said(
    template: str, answer: str, prompt: str, has_tokens: bool
) -> None:
    judge = Judge(template, prompt, has_tokens=has_tokens, must_call=True)
    assert judge.allows(answer)
    assert not judge.allows(answer.replace("get_time", "get_rich"))
    assert not judge.allows(answer.replace("get_time", "get_weather"))  # whose city is missing
    assert not judge.allows("Hello.") and not judge.allows(answer + answer)


@tokens
@pytest.mark.parametrize(
    ("template", "answer", "prompt"),
    [case for name, case in ONE_CALL.items() if name != "llama"],
    ids=[name for name in ONE_CALL if name != "llama"],
)
def test_model_may_choose_between_text_and_a_whole_call(
    template: str, answer: str, prompt: str, has_tokens: bool
) -> None:
    judge = Judge(template, prompt, has_tokens=has_tokens)
    assert judge.allows(answer)
    assert not judge.allows(answer.replace("get_time", "get_rich"))
    assert not judge.allows(answer.replace("{}", '{"a": 1}'))


@tokens
@pytest.mark.parametrize("template", [t.HERMES, t.MISTRAL, t.GEMMA, t.PLAIN], ids=["h", "m", "g", "p"])
def test_text_before_a_call_or_without_one_is_free(template: str, has_tokens: bool) -> None:
    judge = Judge(template, has_tokens=has_tokens)
    call = next(answer for other, answer, _ in ONE_CALL.values() if other == template)
    assert judge.allows("Any <text>,\nwith [brackets] and ```code```.")
    assert judge.allows(f"One moment: é. {call}")


@tokens
@pytest.mark.parametrize(("template", "answer"), TWO_CALLS.values(), ids=TWO_CALLS)
def test_several_calls_only_when_they_are_allowed(template: str, answer: str, has_tokens: bool) -> None:
    assert Judge(template, has_tokens=has_tokens, must_call=True, is_parallel=True).allows(answer)
    assert not Judge(template, has_tokens=has_tokens, must_call=True).allows(answer)


@tokens
def test_reasoning_may_come_before_a_required_call(has_tokens: bool) -> None:
    closed = Judge(t.HERMES, has_tokens=has_tokens, must_call=True)
    assert closed.allows(f"<think>\nHm <b>.\n</think>\n\n{HERMES_CALL}")
    opened = Judge(t.HERMES, "<think>\n", has_tokens=has_tokens, must_call=True)
    assert opened.allows(f"Hm.\n</think>\n\n{HERMES_CALL}") and not opened.allows(HERMES_CALL)


@tokens
def test_gpt_oss_may_reason_and_then_answer(has_tokens: bool) -> None:
    judge = Judge(t.HARMONY, "<|start|>assistant", has_tokens=has_tokens)
    thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    assert judge.allows(f"{thought}<|channel|>final<|message|>Hi.")
    assert judge.allows(thought + ONE_CALL["gpt-oss"][1])


def test_llama_has_no_mark_to_enforce_a_call_after() -> None:
    assert Judge(t.LLAMA).grammar is None


def test_schema_cannot_add_rules() -> None:
    evil = tool("f", {"type": "object", "description": '"\n start: "x"\n'})
    grammar = choose(t.PLAIN).grammar(Offer(tools=(evil,), must_call=True), "", {})
    assert grammar is not None and [line[:6] for line in grammar.splitlines()].count("start:") == 1
