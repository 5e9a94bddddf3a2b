"""Answers as models of each family write them, and what a reader is to find in them.

Must stay data: a template has only the marks by which its family is known. Used by the tests beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from hobd.worker.dialect.parts import Arguments, CallBegun, CallEnded, Part, Said

NAMES = frozenset({"get_weather", "get_time"})
HERMES = "{% if tools %}{{ tools }}<tool_call>{% endif %}</think>"
LLAMA = "{% if tools %}{{ tools }}{% endif %}<|python_tag|>"
MISTRAL = "{% if tools %}{{ tools }}{% endif %}[TOOL_CALLS]"
NEWER_MISTRAL = MISTRAL + "[ARGS][/THINK]"
DEEPSEEK_R1 = "<｜tool▁calls▁begin｜>```json</think>"
DEEPSEEK_V31 = "{% if tools %}{{ tools }}{% endif %}<｜tool▁calls▁begin｜></think>"
GEMMA = "<start_of_turn>"
HARMONY = "{% if tools %}{{ tools }}{% endif %}<|channel|>"
PLAIN = "{{ messages }}"


@dataclass(frozen=True)
class Transcript:
    template: str
    answer: str
    parts: list[Part]
    prompt: str = ""


def call(name: str, arguments: str) -> list[Part]:
    return [CallBegun(name), Arguments(arguments), CallEnded()]


def thought(text: str) -> Said:
    return Said(text, is_reasoning=True)


WEATHER = '{"city": "Paris"}'
TIME = '{"zones": ["CET", "}\\""]}'

TRANSCRIPTS = {
    "qwen3 thinks, then calls twice": Transcript(
        HERMES,
        "<think>\nI need both.\n</think>\n\n"
        f'<tool_call>\n{{"name": "get_weather", "arguments": {WEATHER}}}\n</tool_call>\n'
        f'<tool_call>\n{{"name": "get_time", "arguments": {TIME}}}\n</tool_call>',
        [thought("I need both.\n"), *call("get_weather", WEATHER), *call("get_time", TIME)],
    ),
    "qwen3 was told not to think": Transcript(
        HERMES, "Hello there.", [Said("Hello there.")], "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    ),
    "qwen3 goes on in a tag of the prompt's": Transcript(
        HERMES, "Well.\n</think>\n\nHi.", [thought("Well.\n"), Said("Hi.")], "assistant\n<think>\n"
    ),
    "hermes writes arguments first": Transcript(
        HERMES,
        f'Let me see.\n<tool_call>{{"arguments": {WEATHER}, "name": "get_weather"}}</tool_call>',
        [Said("Let me see.\n"), *call("get_weather", WEATHER)],
    ),
    "hermes writes arguments as a string": Transcript(
        HERMES,
        '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>',
        call("get_weather", WEATHER),
    ),
    "hermes leaves the arguments out": Transcript(
        HERMES, '<tool_call>{"id": 1.5, "name": "get_time"}</tool_call>', call("get_time", "{}")
    ),
    "hermes is cut off": Transcript(
        HERMES,
        '<tool_call>{"name": "get_weather", "arguments": {"ci',
        [CallBegun("get_weather"), Arguments('{"ci')],
    ),
    "llama 3.1": Transcript(
        LLAMA, f'{{"name": "get_weather", "parameters": {WEATHER}}}', call("get_weather", WEATHER)
    ),
    "llama 3.1 with its tag": Transcript(
        LLAMA,
        f'<|python_tag|>{{"type": "function", "name": "get_weather", "parameters": {WEATHER}}}',
        call("get_weather", WEATHER),
    ),
    "llama 3.2 calls twice": Transcript(
        LLAMA,
        f'{{"name": "get_weather", "parameters": {WEATHER}}}; {{"name": "get_time", "parameters": {TIME}}}',
        [*call("get_weather", WEATHER), *call("get_time", TIME)],
    ),
    "mistral 7b": Transcript(
        MISTRAL,
        f'[TOOL_CALLS] [{{"name": "get_weather", "arguments": {WEATHER}, "id": "abcdef123"}}, '
        f'{{"name": "get_time", "arguments": {TIME}}}]',
        [*call("get_weather", WEATHER), *call("get_time", TIME)],
    ),
    "magistral": Transcript(
        NEWER_MISTRAL,
        f"[THINK]Hm.[/THINK][TOOL_CALLS]get_weather[ARGS]{WEATHER}[TOOL_CALLS]get_time[CALL_ID]a1b2c3d4e[ARGS]{TIME}",
        [thought("Hm."), *call("get_weather", WEATHER), *call("get_time", TIME)],
    ),
    "deepseek r1": Transcript(
        DEEPSEEK_R1,
        "Hm.\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
        f"```json\n{WEATHER}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n"
        f"```json\n{TIME}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        [thought("Hm.\n"), *call("get_weather", WEATHER), *call("get_time", TIME)],
        "<｜Assistant｜><think>\n",
    ),
    "deepseek v3.1": Transcript(
        DEEPSEEK_V31,
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{WEATHER}<｜tool▁call▁end｜>"
        "<｜tool▁calls▁end｜>",
        call("get_weather", WEATHER),
        "<｜Assistant｜></think>",
    ),
    "gemma 3": Transcript(
        GEMMA,
        f'I will look.\n```tool_code\n{{"name": "get_weather", "arguments": {WEATHER}}}\n```\n',
        [Said("I will look.\n"), *call("get_weather", WEATHER)],
    ),
    "gemma 3 without a block": Transcript(
        GEMMA, f'{{"name": "get_weather", "parameters": {WEATHER}}}', call("get_weather", WEATHER)
    ),
    "gpt-oss calls": Transcript(
        HARMONY,
        "<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant<|channel|>commentary "
        f"to=functions.get_weather <|constrain|>json<|message|>{WEATHER}<|call|>",
        [thought("Look it up."), *call("get_weather", WEATHER)],
        "<|start|>assistant",
    ),
    "gpt-oss names the function first": Transcript(
        HARMONY,
        f" to=functions.get_weather<|channel|>commentary json<|message|>{WEATHER}",
        call("get_weather", WEATHER),
        "<|start|>assistant",
    ),
    "gpt-oss answers": Transcript(
        HARMONY,
        "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>commentary<|message|>One "
        "moment. <|end|><|start|>assistant<|channel|>final<|message|>Four.<|return|>",
        [thought("Easy."), Said("One moment. Four.")],
        "<|start|>assistant",
    ),
    "a model that was told how": Transcript(
        PLAIN,
        f'<tool_call>\n{{"name": "get_weather", "arguments": {WEATHER}}}\n</tool_call>',
        call("get_weather", WEATHER),
    ),
}

#: What looks like a call or a thought and is none: (template, answer); all of it is text.
NO_CALLS = {
    "unknown tool": (HERMES, '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'),
    "no JSON": (HERMES, "<tool_call> get_weather(Paris) </tool_call>"),
    "broken off": (HERMES, '<tool_call>{"name": "get_wea'),
    "arguments are a list": (HERMES, '<tool_call>{"name": "get_time", "arguments": [1]}</tool_call>'),
    "half a surrogate pair": (HERMES, '<tool_call>{"name": "\\ud800", "arguments": {}}</tool_call>'),
    "a thought after words": (HERMES, "The tag <think> opens a </think> thought."),
    "an answer in JSON": (LLAMA, '{"answer": {"x": 42}}'),
    "JSON after words": (LLAMA, 'Here: {"name": "get_time", "parameters": {}}'),
    "python": (LLAMA, '<|python_tag|>print("hi")'),
    "a list of nothing": (MISTRAL, "[TOOL_CALLS][]"),
    "an endless name": (NEWER_MISTRAL, "[TOOL_CALLS]" + "x" * 200 + "[ARGS]{}"),
    "a block of code": (GEMMA, "```tool_code\nprint(1)\n```"),
    "another block": (GEMMA, '```json\n{"name": "get_time", "arguments": {}}\n```'),
    "no channel": (HARMONY, "Just text."),
    "an endless header": (HARMONY, "<|channel|>" + "x" * 300),
}
