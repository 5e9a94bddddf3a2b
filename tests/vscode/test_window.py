"""What a person sees and does in a window of VS Code with the packaged extension, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.daemon import await_true
from tests.fakes.daemon import FakeDaemon, tell
from tests.vscode import host as vscode
from tests.vscode.conftest import configured
from tests.vscode.host import ROOT, Host

pytestmark = [pytest.mark.editor, pytest.mark.timeout(300)]
SCREENSHOTS = ROOT / "build/editors"
ANSWER = (
    'Try <img src=x onerror="document.title=1"> and [this](https://example.test/?q=secret):\n\n',
    "```python\nprint(42)\n```\n",
)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Host]]:
    """With a file open, the extension awake, and a daemon that says what it is told to."""
    if missing := vscode.missing():
        pytest.skip(missing)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    socket = tmp_path_factory.mktemp("d") / "hob.sock"
    with FakeDaemon(socket, *tell(*ANSWER)), configured(tmp_path_factory.mktemp("w"), socket) as host:
        with host.page(("openFile", host.remote(host.folder / "sum.py"))) as page:
            expect(status(page)).to_contain_text("tiny", timeout=90_000)
            yield page, host


def status(page: Page) -> Locator:
    return page.locator('.statusbar-item[id="hob.hob.hob.status"]')


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("iframe.webview").frame_locator("#active-frame")


def run_command(page: Page, title: str) -> None:
    page.keyboard.press("F1")
    page.keyboard.type(title)
    page.locator(".quick-input-list .monaco-list-row", has_text=title).first.click()


def write(page: Page, text: str) -> None:
    page.locator(".monaco-editor .view-line").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)


def ask(page: Page) -> FrameLocator:
    run_command(page, "hob: New Conversation")
    run_command(page, "hob: Open the Chat")
    chat(page).get_by_role("textbox", name="Question").fill("How?")
    chat(page).get_by_role("textbox", name="Question").press("Enter")
    chat(page).locator(".code").wait_for()
    return chat(page)


def await_ghost_text(page: Page, text: str = "", *, pause_ms: int = 250) -> str:
    """All of it, once `text` is in it. Asks again while the language server is still on its way up."""
    shown = ""

    def is_shown() -> bool:
        nonlocal shown
        page.keyboard.press("Space")
        page.keyboard.press("Backspace")
        page.wait_for_timeout(pause_ms)
        shown = "".join(page.locator(".ghost-text-decoration").all_inner_texts()).replace("\xa0", " ")
        return text in shown if text else bool(shown)

    await_true(is_shown, f"{text!r} as ghost text", seconds=60)
    return shown


def saved(page: Page, path: Path, text: str) -> None:
    page.keyboard.press("Control+S")
    await_true(lambda: text in path.read_text(), f"{text!r} in the file", seconds=30)


def test_ghost_text_is_taken_with_tab(window: tuple[Page, Host]) -> None:
    page, host = window
    write(page, "\ndef more(a, b):\n    ")
    await_ghost_text(page, "return a + b")
    page.screenshot(path=SCREENSHOTS / "ghost-text.png")
    page.keyboard.press("Tab")
    saved(page, host.folder / "sum.py", "    return a + b")


def test_what_a_model_writes_is_shown_and_never_run(window: tuple[Page, Host]) -> None:
    page, _ = window
    answer = ask(page).locator(".said")
    expect(answer).to_contain_text('<img src=x onerror="document.title=1">')
    expect(answer).to_contain_text("this (https://example.test/?q=secret)")
    assert answer.locator("img, a, script").count() == 0
    page.screenshot(path=SCREENSHOTS / "chat.png")


def test_code_of_an_answer_goes_to_the_cursor(window: tuple[Page, Host]) -> None:
    page, host = window
    answer = ask(page)
    write(page, "\n")
    answer.get_by_role("button", name="Insert").click()
    expect(page.locator(".monaco-editor .view-lines")).to_contain_text("print(42)")
    saved(page, host.folder / "sum.py", "print(42)")


def test_page_of_the_chat_can_connect_to_nothing(window: tuple[Page, Host]) -> None:
    page, host = window
    ask(page)
    fetches = "(_, url) => fetch(url).then(() => 'went through', (error) => error.name)"
    tried = chat(page).locator("body").evaluate(fetches, host.url)
    assert tried == "TypeError"


def test_everything_in_the_chat_has_a_name_for_who_hears_it(window: tuple[Page, Host]) -> None:
    page, _ = window
    answer = ask(page)
    for button in answer.get_by_role("button").all():
        assert button.get_attribute("aria-label")
    expect(answer.get_by_role("log")).to_have_attribute("aria-label", "Conversation")


def test_walls_are_tried_when_asked_and_the_status_bar_says_so(window: tuple[Page, Host]) -> None:
    page, _ = window
    run_command(page, "hob: Check That Nothing Leaves This Machine")
    expect(status(page).locator(".codicon-lock, .codicon-unlock")).to_be_visible(timeout=60_000)
