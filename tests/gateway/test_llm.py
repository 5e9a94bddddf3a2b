"""`llm` against a real gateway, as its users set it up: extra-openai-models.yaml and a key."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.gateway.scripts import a_call
from tests.running_gateway import RunningGateway

PROMPT = ("prompt", "-m", "hob-tiny", "-n")
FUNCTION = 'def get_weather(city: str) -> str:\n    "Weather of a city."\n    return "rain in " + city\n'


class Llm:
    """Its command line in a home of its own, wired with what `hob connect llm` says."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "LLM_USER_PATH": str(self._home)}
        pipe = subprocess.PIPE
        argv = [sys.executable, "-m", "llm", *PROMPT, *arguments]
        return subprocess.Popen(argv, env=environment, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """In this process: importing it takes longer than all it does."""
        from llm.cli import cli

        def run() -> tuple[int, str, str]:
            told = CliRunner().invoke(cli, [*PROMPT, *arguments])
            return told.exit_code, told.stdout, told.stderr

        code_out_err = run()
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()  # it leaves its connections to that
        return code_out_err


@pytest.fixture
def llm(gateway: RunningGateway, door: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Llm:
    wired = gateway.command("connect", "llm", "--url", gateway.url, "--token", gateway.token, "-m", "tiny")
    abilities = "\n  supports_tools: true\n  supports_schema: true\n"
    (tmp_path / "extra-openai-models.yaml").write_text(wired.stdout.rstrip() + abilities)
    (tmp_path / "keys.json").write_text(json.dumps({"hob": gateway.token}))
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    return Llm(tmp_path)


def texts(request: Any) -> list[str]:
    return [part.text for message in request.messages for part in message.content]


def test_stream_is_printed(llm: Llm, door: FakeDaemon) -> None:
    assert llm("-s", "Be brief.", "Hi") == (0, "Hello, hob!\n", "")
    assert texts(door.requests[-1]) == ["Be brief.", "Hi"]


def test_answer_without_a_stream_is_printed(llm: Llm) -> None:
    assert llm("--no-stream", "Hi") == (0, "Hello, hob!\n", "")


def test_schema_is_asked_of_the_daemon(llm: Llm, door: FakeDaemon) -> None:
    door.script = tell('{"name":', ' "Oslo", "people": 7}')
    code, out, err = llm("--schema", "name, people int", "A city?")
    assert code == 0, err
    assert (code, json.loads(out)) == (0, {"name": "Oslo", "people": 7})
    assert "name" in json.loads(door.requests[-1].response_format.json_schema)["properties"]


def test_tool_is_called_and_its_result_goes_back(llm: Llm, door: FakeDaemon) -> None:
    door.script = a_call()
    llm("--functions", FUNCTION, "--chain-limit", "2", "Weather?")
    assert door.requests[0].tools[0].name == "get_weather"
    assert "rain in Oslo" in texts(door.requests[1])


def test_refusal_is_told_in_its_words(llm: Llm, door: FakeDaemon) -> None:
    door.script = (refusal("model_not_found", "there is no model of that name"),)
    code, _, err = llm("Hi")
    assert code != 0 and "there is no model of that name" in err


def test_ending_the_program_ends_the_answer(llm: Llm, door: FakeDaemon) -> None:
    door.script = (*tell("One")[:-1], HANG)
    with llm.start("Hi") as process:
        assert process.stdout is not None and process.stdout.read(3) == "One"
        process.terminate()
        process.communicate(timeout=20)
    assert door.was_cancelled.wait(20)
