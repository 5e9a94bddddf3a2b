"""What a person sees and does in a window of VS Code with the packaged extension, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.vscode.host import ROOT, Host

pytestmark = [pytest.mark.editor, pytest.mark.timeout(600)]
SCREENSHOTS = ROOT / "build/editors"
EXPECT_MS = 60_000


@pytest.fixture
def window(host: Host) -> Iterator[Page]:
    """With a file open, and the extension awake."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with host.page(("openFile", host.remote(host.folder / "sum.py"))) as page:
        expect(status(page)).to_contain_text("tiny", timeout=EXPECT_MS)
        yield page


def status(page: Page) -> object:
    return page.locator('.statusbar-item[id="hob.hob.hob.status"], .statusbar-item[id*="hob.status"]').first


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("iframe.webview").frame_locator("#active-frame")


def run_command(page: Page, title: str) -> None:
    page.keyboard.press("F1")
    page.keyboard.type(title)
    page.locator(".quick-input-list .monaco-list-row").first.wait_for()
    page.keyboard.press("Enter")


def test_person_asks_in_the_chat_and_takes_the_ghost_text(window: Page, host: Host) -> None:
    pass
