"""A real Chromium before a real gateway, whose daemon says what a test tells it to.

Must watch every page of every test: none may ask another place, nor break the page's own policy.
Called by pytest.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from provision import browser as provided

from tests.fakes.daemon import FakeDaemon, tell
from tests.running_gateway import RunningGateway

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WATCH = "addEventListener('securitypolicyviolation', (e) => console.error('CSP: ' + e.violatedDirective))"


def chromium() -> str | None:
    """`$CHROMIUM`, the one that `make browser` fetched, or the system's."""
    fetched = provided.folder() / "chromium"
    named = [
        os.environ.get("CHROMIUM"),
        str(fetched) if fetched.is_file() else None,
        *map(shutil.which, NAMES),
    ]
    return next(filter(None, named), None)


@pytest.fixture(scope="module")  # no longer: while it lives, its loop runs in the thread of all tests
def browser() -> Iterator[Any]:
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium: name one with CHROMIUM, or fetch one with `make browser`")
    from playwright.sync_api import sync_playwright

    libraries = Path(program).parent / "lib"
    beside = {"LD_LIBRARY_PATH": str(libraries)} if libraries.is_dir() else {}
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        launched = playwright.chromium.launch(
            executable_path=program, args=flags, env={**os.environ, **beside}
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, FakeDaemon]]:
    home = tmp_path_factory.mktemp("browser")
    with FakeDaemon(home / "hob.sock") as daemon:
        gateway = RunningGateway(home / "home", home / "hob.sock").start("--rate", "10000")
        yield gateway, daemon
        gateway.stop()


@pytest.fixture
def gateway(_pair: tuple[RunningGateway, FakeDaemon]) -> RunningGateway:
    return _pair[0]


@pytest.fixture
def door(_pair: tuple[RunningGateway, FakeDaemon]) -> FakeDaemon:
    daemon = _pair[1]
    daemon.script, daemon.refusal = tell("Hello", ", **hob**!"), None
    daemon.requests.clear()
    daemon.was_cancelled.clear()
    return daemon


@pytest.fixture
def page(browser: Any, gateway: RunningGateway, door: FakeDaemon) -> Iterator[Any]:
    """A fresh window on the page, opened with a token."""
    with opened(browser, gateway) as page:
        page.goto(f"{gateway.url}/#token={gateway.token}")
        page.locator("#prompt").wait_for()
        yield page


class opened:
    """A window of its own; when it closes, what it asked for and complained of is judged."""

    def __init__(self, browser: Any, gateway: RunningGateway, **wishes: Any) -> None:
        self._context = browser.new_context(**wishes)
        self._context.set_default_timeout(20_000)
        self._url = gateway.url
        self._asked: list[str] = []
        self._complaints: list[str] = []

    def __enter__(self) -> Any:
        page = self._context.new_page()
        page.add_init_script(WATCH)
        page.on("request", lambda request: self._asked.append(request.url))
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", self._hear)
        return page

    def _hear(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:  # a refusal, which the page tells
            self._complaints.append(message.text)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._context.close()
        if kind is None:
            elsewhere = [url for url in self._asked if not url.startswith((self._url, "blob:", "data:"))]
            assert (elsewhere, self._complaints) == ([], [])
