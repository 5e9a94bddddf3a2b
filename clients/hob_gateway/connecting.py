"""What makes the tools that people use ask the gateway: their own configuration, ready to paste.

Must write nothing by itself. Called by main.py.
"""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hob_client.errors import DaemonUnreachable, HobError, InvalidRequest, ModelNotFound

TOKEN_VARIABLE = "HOB_GATEWAY_TOKEN"
_CHECK_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the gateway is, and who asks. Without a token the configuration names the variable instead."""

    url: str
    token: str = field(default="", repr=False)
    model: str = ""

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    @property
    def secret(self) -> str:
        return self.token or f"YOUR-{TOKEN_VARIABLE}"

    @property
    def name(self) -> str:
        return self.model or "MODEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    text: str = field(repr=False)
    file: str = ""  # where it belongs; empty: into the shell


def wire(tool: str, place: Place) -> Wiring:
    """The tool's configuration. Raises InvalidRequest for a tool that it does not know."""
    if tool not in TOOLS:
        raise InvalidRequest(f"there is no tool {tool!r}; there are {', '.join(sorted(TOOLS))}")
    if place.url.startswith("unix:"):
        raise InvalidRequest("tools speak TCP; start the gateway with --listen 127.0.0.1:4620")
    return TOOLS[tool](place)


def _shell(**variables: str) -> Wiring:
    return Wiring(text="\n".join(f"export {name}={value}" for name, value in variables.items()))


def _json(file: str, value: object) -> Wiring:
    return Wiring(text=json.dumps(value, indent=2), file=file)


def _openai(place: Place) -> Wiring:
    return _shell(OPENAI_BASE_URL=place.v1, OPENAI_API_KEY=place.secret)


def _anthropic(place: Place) -> Wiring:
    return _shell(ANTHROPIC_BASE_URL=place.url, ANTHROPIC_API_KEY=place.secret)


def _claude_code(place: Place) -> Wiring:
    return _shell(
        ANTHROPIC_BASE_URL=place.url,
        ANTHROPIC_AUTH_TOKEN=place.secret,
        ANTHROPIC_MODEL=place.name,
        ANTHROPIC_SMALL_FAST_MODEL=place.name,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )


def _continue(place: Place) -> Wiring:
    lines = [
        "name: hob",
        "version: 1.0.0",
        "schema: v1",
        "models:",
        f"  - name: {place.name}",
        "    provider: openai",
        f"    model: {place.name}",
        f"    apiBase: {place.v1}",
        f"    apiKey: {place.secret}",
        "    roles: [chat, edit, apply]",
    ]
    return Wiring(text="\n".join(lines), file="~/.continue/config.yaml")


def _cline(place: Place) -> Wiring:
    lines = [
        "API Provider: OpenAI Compatible",
        f"Base URL:     {place.v1}",
        f"API Key:      {place.secret}",
        f"Model ID:     {place.name}",
    ]
    return Wiring(text="\n".join(lines), file="Cline's settings in the editor")


def _zed(place: Place) -> Wiring:
    models = [{"name": place.name, "max_tokens": 8192}]
    provider = {"hob": {"api_url": place.v1, "available_models": models}}
    return _json(
        "~/.config/zed/settings.json (and HOB_API_KEY in the environment)",
        {"language_models": {"openai_compatible": provider}},
    )


def _aider(place: Place) -> Wiring:
    text = f"openai-api-base: {place.v1}\nopenai-api-key: {place.secret}\nmodel: openai/{place.name}"
    return Wiring(text=text, file="~/.aider.conf.yml")


def _opencode(place: Place) -> Wiring:
    hob = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "hob",
        "options": {"baseURL": place.v1, "apiKey": place.secret},
        "models": {place.name: {"name": place.name}},
    }
    return _json("~/.config/opencode/opencode.json", {"provider": {"hob": hob}, "model": f"hob/{place.name}"})


def _codex(place: Place) -> Wiring:
    lines = [
        f'model = "{place.name}"',
        'model_provider = "hob"',
        "",
        "[model_providers.hob]",
        'name = "hob"',
        f'base_url = "{place.v1}"',
        f'env_key = "{TOKEN_VARIABLE}"',
        'wire_api = "responses"',
    ]
    return Wiring(text="\n".join(lines), file="~/.codex/config.toml")


def _langchain(place: Place) -> Wiring:
    lines = [
        "from langchain_openai import ChatOpenAI",
        "",
        f'model = ChatOpenAI(model="{place.name}", base_url="{place.v1}", api_key="{place.secret}")',
    ]
    return Wiring(text="\n".join(lines), file="your program")


def _llm(place: Place) -> Wiring:
    lines = [
        f"- model_id: hob-{place.name}",
        f"  model_name: {place.name}",
        f"  api_base: {place.v1}",
        "  api_key_name: hob",
    ]
    return Wiring(text="\n".join(lines), file="extra-openai-models.yaml of `llm` (and `llm keys set hob`)")


def _open_webui(place: Place) -> Wiring:
    return _shell(OPENAI_API_BASE_URL=place.v1, OPENAI_API_KEY=place.secret, ENABLE_OLLAMA_API="false")


TOOLS: dict[str, Callable[[Place], Wiring]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "claude-code": _claude_code,
    "continue": _continue,
    "cline": _cline,
    "zed": _zed,
    "aider": _aider,
    "opencode": _opencode,
    "codex": _codex,
    "langchain": _langchain,
    "llm": _llm,
    "open-webui": _open_webui,
}
_OF_ANTHROPIC = frozenset(("anthropic", "claude-code"))
_OF_RESPONSES = frozenset(("codex",))


def with_model(place: Place) -> Place:
    """Names the first model that there is, where nobody named one and the gateway can be asked."""
    if place.model or not place.token or place.url.startswith("unix:"):
        return place
    try:
        return replace(place, model=_first_model(place))
    except HobError:
        return place


def check(tool: str, place: Place) -> str:
    """One short answer over the path that the tool takes; a sentence about it. Raises HobError."""
    model = place.model or _first_model(place)
    turn = [{"role": "user", "content": "Say hello."}]
    if tool in _OF_ANTHROPIC:
        told = _call(place, "/v1/messages", {"model": model, "max_tokens": 8, "messages": turn})
    elif tool in _OF_RESPONSES:
        told = _call(place, "/v1/responses", {"model": model, "max_output_tokens": 8, "input": "Say hello."})
    else:
        told = _call(place, "/v1/chat/completions", {"model": model, "max_tokens": 8, "messages": turn})
    return f"it works: {told.get('model')} answered"


def _first_model(place: Place) -> str:
    models: Any = _call(place, "/v1/models", None)["data"]
    if not models:
        raise ModelNotFound("there is no model to ask; put one where `hob models` looks")
    name: str = models[0]["id"]
    return name


def _call(place: Place, path: str, body: object) -> dict[str, object]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {place.token}", "Content-Type": "application/json"}
    request = urllib.request.Request(place.url + path, data, headers)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_trust())
    )
    try:
        with opener.open(request, timeout=_CHECK_SECONDS) as answer:
            told: dict[str, object] = json.load(answer)
            return told
    except urllib.error.HTTPError as error:
        words = error.read(2000).decode(errors="replace")
        raise HobError(f"the gateway at {place.url} answered {error.code}: {words}") from None
    except OSError as error:
        raise DaemonUnreachable(
            f"no gateway answers at {place.url} ({error}); start it with `hob gateway start`"
        ) from None


def _trust() -> ssl.SSLContext:
    """The gateway's own certificate counts, if this machine has it."""
    from hob_gateway.places import folder

    context = ssl.create_default_context()
    own = folder() / "certificate.pem"
    if os.path.isfile(own):
        context.load_verify_locations(own)
    return context
