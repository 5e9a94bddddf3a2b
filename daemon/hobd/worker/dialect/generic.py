"""For templates that know no tools: they are described in the system message, in the words below.

Must stay pure. Calls are written as in hermes.py, the form that most models have seen. Results go back as
the user's words, since such a template has no turn for them:

    system     <the caller's system message, if there is one>
               You can call functions. ... <tools> one JSON object a line </tools> ...
    assistant  <tool_call>
               {"name": "f", "arguments": {...}}
               </tool_call>
    user       <tool_response>
               what the tool said
               </tool_response>
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from hobd.worker.dialect.family import Message, Tool
from hobd.worker.dialect.hermes import CLOSING, OPENING, Hermes

#: How a call of the past is written.
Written = Callable[[Tool], str]

_DESCRIPTION = """\
You can call functions. Each line between <tools> and </tools> describes one as a JSON object:
<tools>
{tools}
</tools>
To call one, write its name and its arguments as a JSON object between tags, in this form:
{opening}
{{"name": "the function's name", "arguments": {{"a parameter's name": "its value"}}}}
{closing}"""


class Generic(Hermes):
    @classmethod
    def speaks(cls, template: str) -> bool:
        return True

    def enter(self, messages: list[Message], tools: Sequence[Tool]) -> tuple[list[Message], Sequence[Tool]]:
        if self.knows_tools:
            return messages, tools
        return described(plain_turns(messages, _written), describe(tools)), ()


def describe(tools: Sequence[Tool]) -> str:
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    return _DESCRIPTION.format(tools=lines, opening=OPENING, closing=CLOSING) if tools else ""


def described(messages: list[Message], text: str) -> list[Message]:
    """The conversation with a text at the end of its system message, which may have to be made."""
    if not text:
        return messages
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
        elif calls := message.get("tool_calls"):
            said = [message["content"]] if message.get("content") else []
            said += [written(call["function"]) for call in calls]
            rest = {key: value for key, value in message.items() if key != "tool_calls"}
            turns.append(rest | {"content": "\n".join(said)})
        else:
            turns.append(message)
        was_result = is_result
    return turns


def _written(call: Tool) -> str:
    body = json.dumps({"name": call["name"], "arguments": call["arguments"]}, ensure_ascii=False)
    return f"{OPENING}\n{body}\n{CLOSING}"
