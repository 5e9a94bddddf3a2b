"""Everything at once: VS Code, the packaged extension, `hob lsp`, a daemon, and a model that writes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.daemon import RunningDaemon
from tests.vscode import host as vscode
from tests.vscode.conftest import configured
from tests.vscode.host import Host
from tests.vscode.test_window import SCREENSHOTS, await_ghost_text, chat, run_command, status, write

pytestmark = [pytest.mark.editor, pytest.mark.model, pytest.mark.timeout(300)]
HOB = str(Path(sys.executable).with_name("hob"))


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, starter_model: Path) -> Iterator[tuple[Page, Host]]:
    if missing := vscode.missing():
        pytest.skip(missing)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    daemon = RunningDaemon(tmp_path_factory.mktemp("d") / "home", fake_workers=False)
    daemon.add_model("smollm2-135m-instruct", starter_model)
    daemon.start()
    try:
        with configured(tmp_path_factory.mktemp("w"), daemon.socket, HOB) as host:
            with host.page(("openFile", host.remote(host.folder / "sum.py"))) as page:
                label = expect(status(page))
                label.to_have_attribute("aria-label", "hob: no model is in memory", timeout=90_000)
                yield page, host
    finally:
        daemon.stop()


def test_model_completes_what_is_typed_with_nothing_configured(window: tuple[Page, Host]) -> None:
    page, host = window
    write(page, "\ndef count(first, last):\n    for number in range(")
    ghost = await_ghost_text(page, pause_ms=5000)  # a model takes its time, and each key asks anew
    expect(status(page)).to_contain_text("smollm2")  # the first keystroke loaded it
    page.screenshot(path=SCREENSHOTS / "model-ghost-text.png")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+S")
    page.wait_for_function("() => !document.querySelector('.tab.dirty')")
    assert ghost.strip() and ghost.split("\n")[0].strip() in (host.folder / "sum.py").read_text()


def test_model_answers_in_the_chat(window: tuple[Page, Host]) -> None:
    page, _ = window
    run_command(page, "hob: Open the Chat")
    question = chat(page).get_by_role("textbox", name="Question")
    question.fill("Say hello.")
    question.press("Enter")
    expect(chat(page).locator(".said").last).to_have_text(re.compile(r"\w+"), timeout=60_000)
    page.screenshot(path=SCREENSHOTS / "model-chat.png")
