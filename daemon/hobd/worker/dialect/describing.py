"""Tools for templates that know none: they are described in the system message, in the words below.

Must stay pure. Calls are written as the family writes them; results go back as the user's words, since such
a template has no turn for them. With the form of generic.py:

    system     <the caller's system message, if there is one>
               You can call functions. ... <tools> one JSON object a line </tools> ...
    assistant  <tool_call>
               {"name": "f", "arguments": {...}}
               </tool_call>
    user       <tool_response>
               what the tool said
               </tool_response>

Called by family.py and by the families that have words of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

Message = dict[str, Any]
Tool = dict[str, Any]
#: (name, arguments) -> a call, as a family writes it.
Written = Callable[[str, dict[str, Any]], str]

_DESCRIPTION = """\
You can call functions. Each line between <tools> and </tools> describes one as a JSON object:
<tools>
{tools}
</tools>
To call one, write its name and its arguments in this form, and nothing after it:
{example}"""


def describe(tools: Sequence[Tool], written: Written) -> str:
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    example = written("the function's name", {"a parameter's name": "its value"})
    return _DESCRIPTION.format(tools=lines, example=example)


def with_system_text(messages: list[Message], text: str) -> list[Message]:
    """The conversation with a text at the end of its system message, which may have to be made."""
    if messages and messages[0].get("role") == "system":
        first = messages[0] | {"content": f"{messages[0].get('content', '')}\n\n{text}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def plain_turns(messages: list[Message], written: Written) -> list[Message]:
    """The conversation without fields for calls and roles for results; results in a row are one turn."""
    turns: list[Message] = []
    was_result = False
    for message in messages:
        is_result = message.get("role") == "tool"
        if is_result:
            text = f"<tool_response>\n{message.get('content', '')}\n</tool_response>"
            if was_result:
                turns[-1]["content"] += f"\n{text}"
            else:
                turns.append({"role": "user", "content": text})
        else:
            turns.append(_with_written_calls(message, written))
        was_result = is_result
    return turns


def _with_written_calls(message: Message, written: Written) -> Message:
    if not message.get("tool_calls"):
        return message
    said = [message["content"]] if message.get("content") else []
    for call in message["tool_calls"]:
        said.append(written(call["function"]["name"], call["function"]["arguments"]))
    others = {key: value for key, value in message.items() if key != "tool_calls"}
    return others | {"content": "\n".join(said)}


def call_object(name: str, arguments: dict[str, Any], key: str = "arguments") -> str:
    """{"name": "f", "arguments": {...}}"""
    return json.dumps({"name": name, key: arguments}, ensure_ascii=False)
