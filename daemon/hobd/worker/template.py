"""The worker's hold on what is hostile: asks the renderer's processes, and believes nothing they say.

Must not import jinja2, nor ever pass on words that could be a prompt's: errors about templates are sentences
of this file. Made by worker/__main__.py before any thread exists; called by worker/intake.py's one thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket

import msgspec

from hobd.wire.messages import Constraint
from hobd.worker.bell import Bell
from hobd.worker.engine import ConstraintUnusable
from hobd.worker.expendable import KILLED, WALL_SECONDS, Expendable, Gone, Lost, start_zygote
from hobd.worker.renderer import (
    CPU_SECONDS,
    EXIT_NO_MEMORY,
    MAX_OUTPUT_BYTES,
    MEMORY_BYTES,
    RESERVED_NAMES,
    Ask,
    Done,
    Failed,
    Trial,
    frame,
    learn_templates,
)

_ANSWERED: msgspec.msgpack.Decoder[Done | Failed] = msgspec.msgpack.Decoder(Done | Failed)


class TemplateError(Exception):
    """One sentence without a word of the prompt; `error` names the class of errors.py to refuse with."""

    def __init__(self, message: str, error: str = "InvalidRequest") -> None:
        super().__init__(message)
        self.message = message
        self.error = error


def template_digest(template: str) -> str:
    """The name by which receipts speak of a template."""
    return hashlib.sha256(template.encode("utf-8", "replace")).hexdigest()


def start_renderer(bell: Bell | None = None) -> Renderer:
    """Forks the zygote and returns at once. The process must have one thread, and be confined already."""
    return Renderer(*start_zygote(learn_templates, bell))


class Renderer(Expendable[Done | Failed]):
    """Renders and rehearses in another process, which may die of it; the next call gets a new one."""

    __slots__ = ()

    def __init__(self, control: socket.socket, zygote_pid: int) -> None:
        super().__init__(control, zygote_pid, _ANSWERED, max_bytes=MAX_OUTPUT_BYTES + 64)

    def render(
        self,
        template: str,
        messages_json: bytes,
        tools_json: bytes,
        arguments_json: bytes,
        *,
        add_generation_prompt: bool,
        continue_last: bool,
        bos: str,
        eos: str,
    ) -> str:
        """The prompt, or TemplateError. Returns within WALL_SECONDS, or a little over when it has to kill."""
        ask = Ask(
            template=template,
            messages=messages_json,
            tools=tools_json,
            arguments=arguments_json,
            add_generation_prompt=add_generation_prompt,
            continue_last=continue_last,
            bos=bos,
            eos=eos,
        )
        try:
            answer = self._answer(frame(ask))
        except Lost as lost:
            raise TemplateError(*_epitaph(lost.status)) from None
        if isinstance(answer, Failed):
            raise _explain(answer, template)
        return answer.text

    def rehearse(self, constraint: Constraint) -> None:
        """Returns when it was compiled within limits; else raises ConstraintUnusable."""
        try:
            answer = self._answer(frame(Trial(constraint)))
        except Lost:
            raise ConstraintUnusable(
                f"{constraint.field} takes too much time or memory to compile; simplify it"
            ) from None
        if isinstance(answer, Failed):
            raise ConstraintUnusable("".join(c if c.isprintable() else "?" for c in answer.detail))

    def _answer(self, question: bytes) -> Done | Failed:
        """Raises Lost. Without the processes chat ends here; the rest of the worker goes on."""
        try:
            return self.exchange(question)
        except Gone:
            raise TemplateError(
                "the process that renders chat templates is gone; unload the model, and chat again",
                "WorkerCrashed",
            ) from None


# ------------------------------------------------------------------ sentences

_BROKEN = "the model's chat template broke its renderer; put a sound one beside the model, as NAME.jinja"
_SENTENCES = {
    "syntax": (
        "the model's chat template has a syntax error on line {line}; "
        "put a sound one beside the model, as NAME.jinja",
        "ModelUnusable",
    ),
    "forbidden": (
        "the model's chat template tried what templates may not do; do not trust this model",
        "ModelUnusable",
    ),
    "raised": (
        "the model's chat template refuses these messages; check their roles and order",
        "InvalidRequest",
    ),
    "undefined": (
        "the model's chat template uses what the messages lack; check their roles and fields",
        "InvalidRequest",
    ),
    "output": (
        f"the rendered conversation is over {MAX_OUTPUT_BYTES >> 20} MiB; send less",
        "InvalidRequest",
    ),
    "messages": ("messages must be a list of at least one object; mend the request", "InvalidRequest"),
    "arguments": ("template arguments must be an object; mend the request", "InvalidRequest"),
    "reserved": ("a template argument has a name that is not free; rename it", "InvalidRequest"),
    "json": ("messages, tools and template arguments must be JSON; mend the request", "InvalidRequest"),
    "continue": (
        "the last message cannot be continued: it is no text, or the model's chat template leaves it out",
        "InvalidRequest",
    ),
    "failed": (
        "the model's chat template cannot render these messages; check their fields",
        "InvalidRequest",
    ),
}


def _explain(failed: Failed, template: str) -> TemplateError:
    sentence, error = _SENTENCES.get(failed.kind, _SENTENCES["failed"])
    if failed.kind == "raised" and _is_constant_of(template, failed.detail):
        return TemplateError(f"the model's chat template refuses these messages: {failed.detail}")
    if failed.kind == "reserved" and failed.detail in RESERVED_NAMES:
        return TemplateError(
            f'the template argument "{failed.detail}" has a name that is not free; rename it'
        )
    return TemplateError(sentence.format(line=failed.line), error)


def _is_constant_of(template: str, words: str) -> bool:
    """Whether the template itself says these words, so that they are not the prompt's."""
    return words.isprintable() and re.search(rf"""(["']){re.escape(words)}\1""", template) is not None


def _epitaph(status: int | None) -> tuple[str, str]:
    if status is None:
        return (
            f"the model's chat template was not done after {WALL_SECONDS:.0f} s; send less, or try again",
            "InvalidRequest",
        )
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU:
        return (
            f"the model's chat template took over {CPU_SECONDS} s of processor time; send less",
            "InvalidRequest",
        )
    if code == EXIT_NO_MEMORY:
        return (
            f"the model's chat template took over {MEMORY_BYTES >> 20} MiB of memory; send less",
            "InvalidRequest",
        )
    if code in KILLED:
        return (
            "the process that renders the model's chat template was killed twice; try again",
            "WorkerCrashed",
        )
    return _BROKEN, "ModelUnusable"
