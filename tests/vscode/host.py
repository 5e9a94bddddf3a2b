"""A real VS Code for tests: its server, with the packaged extension, and pages of it in a real Chromium.

Must leave no process, and let nothing of it reach a network: its gallery is a closed port of this machine.
Made by fixtures in tests/vscode/conftest.py; `scripts/editors` provisions it.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from tests.daemon import await_true

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / ".cache/editors/vscode/node_modules/code-server/out/node/entry.js"
VSIX = ROOT / "build/hob.vsix"
SUITE = ROOT / "clients/vscode/build/suite/index.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_QUIET: dict[str, object] = {
    "editor.autoClosingBrackets": "never",
    "editor.minimap.enabled": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "files.autoSave": "off",
    "git.enabled": False,
}


def missing() -> str:
    """What there is not, in words; empty when the tests can run."""
    if not ENTRY.is_file() or not VSIX.is_file() or not SUITE.is_file():
        return "VS Code is not provisioned; `make editors` does that"
    return "" if CHROMIUM else "there is no Chromium; install it (Debian: apt-get install chromium)"


class Host:
    """`start` it once; `open` pages of it; `stop` it."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.folder = home / "project"
        self.folder.mkdir(parents=True)
        self.outcomes = home / "outcomes.json"
        self.log = home / "vscode.log"
        self._environment = {
            **environment,
            "HOME": str(home),
            "HOB_TEST_OUTCOMES": str(self.outcomes),
            "EXTENSIONS_GALLERY": '{"serviceUrl":"http://127.0.0.1:9/"}',
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = dict(_QUIET)
        self._port = 0

    def configure(self, **settings: object) -> None:
        """More settings, by name with `__` for each dot; those of the machine go where it keeps them."""
        self._settings |= {name.replace("__", "."): value for name, value in settings.items()}
        for scope in ("User", "Machine"):
            path = self.home / "data" / scope / "settings.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self._settings))

    def start(self) -> Host:
        self._run("--install-extension", str(VSIX))
        self._port = _free_port()
        address = f"127.0.0.1:{self._port}"
        quiet = (
            "--auth",
            "none",
            "--disable-telemetry",
            "--disable-update-check",
            "--disable-workspace-trust",
        )
        with self.log.open("ab") as log:
            command = self._command("--bind-addr", address, *quiet, str(self.folder))
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        await_true(self._is_listening, "VS Code listens", seconds=90)
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    @contextmanager
    def page(self, *payload: tuple[str, str], prepare: Any = None) -> Iterator[Page]:
        """A window of VS Code. `prepare` gets the page before it loads."""
        assert CHROMIUM
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
            browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            try:
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(60_000)
                if prepare is not None:
                    prepare(page)
                page.goto(self._url(payload))
                yield page
            finally:
                browser.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def remote(self, path: Path) -> str:
        return f"vscode-remote://127.0.0.1:{self._port}{path}"

    @property
    def extension(self) -> Path:
        """Where the packaged one was unpacked."""
        (found,) = (self.home / "extensions").glob("hob.hob-*")
        return found

    def _url(self, payload: Sequence[tuple[str, str]]) -> str:
        query = {"folder": str(self.folder), "payload": json.dumps([list(each) for each in payload])}
        return f"{self.url}?{urlencode(query)}"

    def _command(self, *arguments: str) -> list[str]:
        node = shutil.which("node")
        assert node
        folders = (
            "--user-data-dir",
            str(self.home / "data"),
            "--extensions-dir",
            str(self.home / "extensions"),
        )
        return [node, str(ENTRY), *folders, *arguments]

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            self._command(*arguments), env=self._environment, capture_output=True, timeout=90
        )
        assert done.returncode == 0, done.stderr.decode()

    def _is_listening(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
