"""litellm and aider, which have an environment of their own, against a real gateway (`make clients`)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.daemon import FakeDaemon, refusal, tell
from tests.gateway.scripts import a_call
from tests.running_gateway import RunningGateway

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".cache/clients/bin"
pytestmark = [
    pytest.mark.client,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ENVIRONMENT / "aider").is_file(), reason="litellm and aider are not here; `make clients`"
    ),
]
#: No way out but to the gateway, and nothing is fetched.
QUIET = {
    "https_proxy": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
#: Asks as it is told to by a line of JSON, and tells what came.
ASK = """
import json, sys
import litellm
wishes = json.loads(sys.stdin.readline())
wishes.setdefault("messages", [{"role": "user", "content": "Hi"}])
try:
    answer = litellm.completion(**wishes, num_retries=0, timeout=20)
    if wishes.get("stream"):
        answer = litellm.stream_chunk_builder(list(answer))
    message = answer.choices[0].message
    calls = [[call.function.name, call.function.arguments] for call in message.tool_calls or []]
    print(json.dumps({"text": message.content, "calls": calls, "tokens": answer.usage.completion_tokens}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
WAYS = {
    "openai": {"model": "openai/tiny", "api_base": "{url}/v1"},
    "anthropic": {"model": "anthropic/tiny", "api_base": "{url}", "max_tokens": 20},
    "ollama": {"model": "ollama_chat/tiny", "api_base": "{url}"},
}


def ask(gateway: RunningGateway, way: str, **wishes: Any) -> Any:
    wired = {
        name: value.format(url=gateway.url) if isinstance(value, str) else value
        for name, value in WAYS[way].items()
    }
    line = json.dumps(wired | {"api_key": gateway.token} | wishes)
    environment = {"PATH": os.environ["PATH"], "HOME": str(gateway.home)} | QUIET
    argv = [str(ENVIRONMENT / "python"), "-I", "-c", ASK]
    done = subprocess.run(
        argv, input=line + "\n", env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_litellm_gets_the_answer(gateway: RunningGateway, door: FakeDaemon, way: str, stream: bool) -> None:
    told = ask(gateway, way, stream=stream)
    assert told.get("text") == "Hello, hob!", told


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("way", ["openai", "anthropic"])
def test_litellm_gets_calls_of_tools(
    gateway: RunningGateway, door: FakeDaemon, way: str, stream: bool
) -> None:
    door.script = a_call()
    told = ask(gateway, way, stream=stream, tools=[TOOL])
    assert [(name, json.loads(arguments)) for name, arguments in told["calls"]] == [
        ("get_weather", {"city": "Oslo"})
    ]


@pytest.mark.parametrize("way", ["openai", "anthropic"])
def test_litellm_knows_what_a_refusal_means(gateway: RunningGateway, door: FakeDaemon, way: str) -> None:
    door.script = (refusal("model_not_found", "there is no model of that name"),)
    told = ask(gateway, way)
    assert told["error"] == "NotFoundError" and "there is no model of that name" in told["message"]


def test_aider_edits_a_file_with_what_the_model_writes(
    gateway: RunningGateway, door: FakeDaemon, tmp_path: Path
) -> None:
    wired = gateway.command("connect", "aider", "--url", gateway.url, "--token", gateway.token, "-m", "tiny")
    (tmp_path / ".aider.conf.yml").write_text(wired.stdout)
    (tmp_path / "sum.py").write_text("def add(a, b):\n    return a - b\n")
    door.script = tell("Here it is:\n\nsum.py\n```\n", "def add(a, b):\n    return a + b\n", "```\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"} | QUIET
    argv = [str(ENVIRONMENT / "aider"), "--message", "Mend add.", "--yes-always", "--no-git"]
    argv += ["--no-check-update", "--analytics-disable", "--no-show-model-warnings", "sum.py"]
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (tmp_path / "sum.py").read_text() == "def add(a, b):\n    return a + b\n", (
        done.stdout + done.stderr
    )
    said = [part.text for message in door.requests[-1].messages for part in message.content]
    assert any("Mend add." in text for text in said)
