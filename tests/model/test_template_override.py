"""A template beside a model replaces the model's own, in the same bounds, and everybody is told."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hob_client import errors

from tests.daemon import RunningDaemon

pytestmark = pytest.mark.model

TEMPLATE = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}"
QUESTION = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def beside(real_daemon: RunningDaemon, tiny_model: Path) -> Path:
    real_daemon.add_model("tiny", tiny_model)
    path = real_daemon.models / "tiny.jinja"
    path.write_text(TEMPLATE)
    path.chmod(0o644)
    return path


def test_the_template_beside_the_model_is_used_and_told(real_daemon: RunningDaemon, beside: Path) -> None:
    digest = hashlib.sha256(TEMPLATE.encode()).hexdigest()
    with real_daemon.start().client() as client:
        assert client.apply_template("tiny", QUESTION).prompt == "<user> Hi\n"
        assert client.ask("tiny", QUESTION, max_tokens=1).receipt.template_sha256 == digest
        assert client.status().residents[0].template_overridden
        assert client.models()[0].template_overridden


def test_without_it_nothing_is_overridden(real_daemon: RunningDaemon, beside: Path) -> None:
    beside.unlink()
    with real_daemon.start().client() as client:
        assert client.apply_template("tiny", QUESTION).prompt != "<user> Hi\n"
        assert not client.status().residents[0].template_overridden


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"\xff", "not UTF-8", id="not-utf-8"),
        pytest.param(b"\n{% nonsense %}", "syntax error on line 2; put a sound one beside", id="syntax"),
        pytest.param(b"{% for i in range(100000) %}{{ 'a' * 100 }}{% endfor %}", "over 4 MiB", id="bomb"),
    ],
)
def test_a_faulty_template_is_an_error_that_says_so(
    real_daemon: RunningDaemon, beside: Path, content: bytes, sentence: str
) -> None:
    beside.write_bytes(content)
    with real_daemon.start().client() as client, pytest.raises(errors.HobError, match=sentence):
        client.apply_template("tiny", QUESTION)
