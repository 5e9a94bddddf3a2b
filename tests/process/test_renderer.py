"""A template may do what it likes to its renderer: the worker gets a sentence, and the next render works."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hobd.worker import expendable as module
from hobd.worker.renderer import BORN, LENGTH
from hobd.worker.template import Renderer, TemplateError, start_renderer, template_digest

HI = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
ENDLESS = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"
DOUBLING = (
    "{% set n = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
)


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    renderer = start_renderer()
    yield renderer
    renderer.close()


def render(renderer: Renderer, template: str = HI, content: str = "canary") -> str:
    messages = json.dumps([{"role": "user", "content": content}]).encode()
    return renderer.render(
        template, messages, b"[]", b"{}", add_generation_prompt=True, continue_last=False, bos="<s>", eos=""
    )


def refusal(renderer: Renderer, template: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        render(renderer, template)
    assert "canary" not in caught.value.message
    return caught.value


def state_and_parent(pid: int | str) -> tuple[str, int]:
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "Z", 0
    return state, int(parent)


def child_of(pid: int) -> int:
    """The one living child of a process, or 0."""
    living = [p for p in os.listdir("/proc") if p.isdigit() and state_and_parent(p)[1] == pid]
    return next((int(p) for p in living if state_and_parent(p)[0] != "Z"), 0)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while state_and_parent(pid)[0] != "Z":
        assert time.monotonic() < deadline, "still there"
        time.sleep(0.005)


def zygote_of(renderer: Renderer) -> int:
    return renderer._zygote_pid


def test_renders(renderer: Renderer) -> None:
    assert render(renderer) == "<s>user: canary\n"


def test_a_conversation_of_megabytes_passes(renderer: Renderer) -> None:
    content = "é" * 1_500_000
    assert render(renderer, content=content) == f"<s>user: {content}\n"


@pytest.mark.parametrize(
    ("template", "words", "error"),
    [
        pytest.param(ENDLESS, "processor time", "InvalidRequest", id="time", marks=pytest.mark.slow),
        pytest.param(DOUBLING, "memory", "InvalidRequest", id="memory"),
        pytest.param("{{ 'a' * 10**10 }}", "memory", "InvalidRequest", id="memory-while-compiling"),
        pytest.param(
            "{% for i in range(99999) %}{{ 'a' * 99 }}{% endfor %}", "4 MiB", "InvalidRequest", id="output"
        ),
        pytest.param("{{ ''.__class__.__mro__ }}", "may not do", "ModelUnusable", id="escape"),
        pytest.param("\n{% nonsense %}", "line 2", "ModelUnusable", id="syntax"),
        pytest.param("{{ unknown.field }}", "lack", "InvalidRequest", id="undefined"),
        pytest.param("{{ raise_exception('No, thanks') }}", "No, thanks", "InvalidRequest", id="raised"),
        pytest.param(
            "{{ raise_exception(messages[0].content) }}", "refuses", "InvalidRequest", id="raised-prompt"
        ),
    ],
)
def test_refused_template_leaves_the_next_render_alone(
    renderer: Renderer, template: str, words: str, error: str
) -> None:
    refused = refusal(renderer, template)
    assert words in refused.message
    assert refused.error == error
    assert render(renderer) == "<s>user: canary\n"


def test_a_child_killed_between_renders_is_replaced_unseen(renderer: Renderer) -> None:
    render(renderer)
    child = child_of(zygote_of(renderer))
    os.kill(child, signal.SIGKILL)
    assert render(renderer) == "<s>user: canary\n"
    assert child_of(zygote_of(renderer)) not in (0, child)


def test_a_render_past_the_wall_limit_is_killed(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    render(renderer)
    child = child_of(zygote_of(renderer))
    monkeypatch.setattr(module, "WALL_SECONDS", 0.2)
    assert "was not done" in refusal(renderer, ENDLESS).message
    monkeypatch.undo()
    assert render(renderer) == "<s>user: canary\n"
    assert not Path(f"/proc/{child}").exists()


def test_without_its_zygote_it_refuses_at_once(renderer: Renderer) -> None:
    render(renderer)
    child = child_of(zygote_of(renderer))
    os.kill(zygote_of(renderer), signal.SIGKILL)
    wait_until_gone(child)
    assert refusal(renderer, HI).error == "WorkerCrashed"
    assert refusal(renderer, HI).error == "WorkerCrashed"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(LENGTH.pack(1 << 30), id="too-long"),
        pytest.param(LENGTH.pack(1) + b"\xc1", id="no-msgpack"),
        pytest.param(LENGTH.pack(4) + b"\x92\xa1x\x00", id="no-answer"),
        pytest.param(LENGTH.pack(8) + b"\x92\xa4done\xa1\xff", id="no-utf-8"),
    ],
)
def test_a_child_that_breaks_the_contract_is_replaced(answer: bytes) -> None:
    with ExitStack() as opened:
        control, zygotes_end = (opened.enter_context(end) for end in socket.socketpair())
        for _ in range(2):
            here, there = (opened.enter_context(end) for end in socket.socketpair())
            here.sendall(answer)
            socket.send_fds(zygotes_end, [BORN.pack(1, 0)], [there.fileno()])
        renderer = Renderer(control, 0)
        assert "broke its renderer" in refusal(renderer, HI).message
        assert zygotes_end.recv(9) == b"\n"
        assert renderer._child is not None
        renderer._child.close()


def test_neither_process_holds_what_the_worker_had_open(tmp_path: Path) -> None:
    with (tmp_path / "model.gguf").open("wb"):
        renderer = start_renderer()
    render(renderer)
    zygote = zygote_of(renderer)
    for pid in (zygote, child_of(zygote)):
        held = {os.readlink(fd).partition(":")[0] for fd in Path(f"/proc/{pid}/fd").iterdir()}
        assert held == {"socket", "pipe"}
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) <= 5
    renderer.close()


def test_no_descriptor_is_left_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    renderer = start_renderer()
    for _ in range(3):
        render(renderer)
        refusal(renderer, "{{ 'a' * 10**10 }}")
    renderer.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_both_processes_end_with_a_killed_worker() -> None:
    code = (
        "from hobd.worker.template import start_renderer\n"
        "renderer = start_renderer()\n"
        "print(renderer._zygote_pid, flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        zygote = int(worker.stdout.readline())
        worker.kill()
    wait_until_gone(zygote)


def test_the_worker_never_imports_jinja() -> None:
    code = "import sys, hobd.worker.template; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-I", "-c", code]).returncode == 0


def test_digest_names_the_template() -> None:
    assert template_digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
