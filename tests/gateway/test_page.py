"""The page: small, alone, and of no use to anybody without a token."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from hob_gateway.guard import OPEN_PATHS

from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway

WEB = Path(str(files("hob_gateway").joinpath("web")))
PATHS = sorted(path for path in OPEN_PATHS if path != "/health")


@pytest.fixture
def stranger(gateway: RunningGateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, trust_env=False) as http:
        yield http


def test_page_may_load_and_run_nothing_but_itself(stranger: httpx.Client) -> None:
    policy = stranger.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self';") and "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy and "http" not in policy


def test_page_is_small(stranger: httpx.Client) -> None:
    assert sum(len(stranger.get(path).content) for path in PATHS) < 200_000


@pytest.mark.parametrize("path", [path.name for path in WEB.iterdir()])
def test_file_names_no_other_place_and_makes_no_html(path: str) -> None:
    text = (WEB / path).read_text()
    assert not re.search(r"https?://(?!\[)[\w.]", text), "loads from elsewhere"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\bon\w+=", text)
    assert not re.search(r"localStorage|sessionStorage|indexedDB|cookie", text), "keeps something"


def test_page_sees_who_is_in_memory(gateway: RunningGateway, door: FakeDaemon) -> None:
    with gateway.http() as http:
        told = http.get("/hob/status").json()
    assert told["residents"][0]["model"] == "tiny" and told["loading"] == ["arriving"]
    assert "reaches its door only" in told["confinement"]["gateway"]


DOM = """
class Node { constructor(n) { this.n = n; this.c = []; this.dataset = {}; }
  append(...c) { this.c.push(...c.filter((x) => x !== "")); }
  set textContent(t) { this.c = [t]; }
  json() { return [this.n, ...(this.href ? [this.href] : []), ...this.c.map((x) => x.json?.() ?? x)]; } }
globalThis.document = { createDocumentFragment: () => new Node("#"), createElement: (n) => new Node(n) };
const { render } = await import(process.argv[1]);
console.log(JSON.stringify(render(process.argv[2]).json().slice(1)));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to run the page's script")
@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a **b** `c`", [["p", "a ", ["strong", "b"], " ", ["code", "c"]]]),
        ("<b>x</b>", [["p", "<b>x</b>"]]),
        ("[x](javascript:alert)", [["p", "[x](javascript:alert)"]]),
        ("[x](https://e.x/)", [["p", ["a", "https://e.x/", "x"]]]),
        ("![x](https://e.x/)", [["p", "!", ["a", "https://e.x/", "x"]]]),
        ("```py\n<i>\n```\nend", [["pre", ["code", "<i>"]], ["p", "end"]]),
        ("```\nnever closed", [["pre", ["code", "never closed"]]]),
        ("1. a\n2. b", [["ol", ["li", "a"], ["li", "b"]]]),
        ("|a|b|\n|-|-|\n|1|2|", [["table", ["thead", ["tr", ["th", "a"], ["th", "b"]]],
                                  ["tbody", ["tr", ["td", "1"], ["td", "2"]]]]]),
    ],
)  # fmt: skip
def test_markdown_is_a_tree_of_elements(text: str, tree: object, tmp_path: Path) -> None:
    argv = ["node", "--input-type=module", "-e", DOM, str(WEB / "markdown.js"), text]
    module = tmp_path / "markdown.mjs"
    module.write_text((WEB / "markdown.js").read_text())
    argv[4] = str(module)
    told = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert json.loads(told.stdout) == tree, told.stderr


def test_gateway_walks_into_its_walls(gateway: RunningGateway, door: FakeDaemon) -> None:
    with gateway.http() as http:
        told = http.get("/hob/attest").json()
    assert told["all_held"] and {each["subject"] for each in told["evidence"]} == {"gateway"}
    assert not [request for request in door.requests if type(request).__name__ == "AttestRequest"]


def test_walls_that_do_not_stand_are_told(gateway: RunningGateway, tmp_path: Path) -> None:
    bare = RunningGateway(tmp_path / "home", gateway.socket).start("--unconfined")
    try:
        with bare.http() as http:
            told = http.get("/hob/attest").json()
    finally:
        bare.stop()
    assert [each["property"] for each in told["evidence"] if each["held"]] == []


def test_daemons_wires_are_for_tokens_that_manage(gateway: RunningGateway, door: FakeDaemon) -> None:
    secret = gateway.add_token("wires", "--scope", "manage")
    with gateway.http() as http, gateway.http(authorization=f"Bearer {secret}") as boss:
        assert [wire["name"] for wire in http.get("/hob/wires").json()["wires"]] == ["this gateway"]
        assert [wire["name"] for wire in boss.get("/hob/wires").json()["wires"]][1:] == ["telemetry"]
