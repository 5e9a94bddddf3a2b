"""The page in a real browser: what people do there, by hand and by keyboard alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import opened
from tests.daemon import await_true
from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.media_files import picture
from tests.running_gateway import RunningGateway

pytestmark = pytest.mark.browser

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  document.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
PASTE = """(name) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array([137, 80, 78, 71])], name, { type: "image/png" }));
  const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data });
  document.getElementById("prompt").dispatchEvent(event);
}"""


def say(page: Any, text: str) -> None:
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")


def await_answers(page: Any, count: int) -> None:
    page.locator(".turn.assistant .actions span").nth(count - 1).wait_for()


def said(door: FakeDaemon) -> list[Any]:
    """The texts of the last conversation that the daemon was asked."""
    chats = [request for request in door.requests if hasattr(request, "messages")]
    return [message.content[0].text for message in chats[-1].messages]


def test_answer_streams_as_markdown_and_as_elements(page: Any) -> None:
    say(page, "<b>hi</b>")
    await_answers(page, 1)
    assert page.locator(".turn.assistant .text strong").inner_text() == "hob"
    assert page.locator(".turn.user .text").inner_text() == "<b>hi</b>"
    assert "tokens" in page.locator(".turn.assistant .actions").inner_text()


def test_stop_ends_the_answer_at_the_daemon(page: Any, door: FakeDaemon) -> None:
    door.script = (*tell("Zebra")[:-1], HANG)
    say(page, "go on")
    page.get_by_text("Zebra").wait_for()
    page.click("#stop")
    await_answers(page, 1)
    assert "stopped" in page.locator(".turn.assistant .actions").inner_text()
    assert door.was_cancelled.wait(20)


def test_regenerate_asks_the_same_again(page: Any, door: FakeDaemon) -> None:
    say(page, "hi")
    await_answers(page, 1)
    door.script = tell("Anew")
    page.get_by_role("button", name="Regenerate").click()
    page.get_by_text("Anew").wait_for()
    assert page.locator(".turn").count() == 2 and said(door) == ["hi"]


def test_edit_takes_back_what_came_after(page: Any, door: FakeDaemon) -> None:
    for number, text in enumerate(("first", "second"), 1):
        say(page, text)
        await_answers(page, number)
    page.get_by_role("button", name="Edit").first.click()
    assert page.input_value("#prompt") == "first" and page.locator(".turn").count() == 0
    say(page, "changed")
    await_answers(page, 1)
    assert said(door) == ["changed"]


def test_keyboard_alone_is_enough(page: Any, door: FakeDaemon) -> None:
    keys = page.keyboard
    page.locator("#model").focus()
    for key in ("Tab", "Enter", "Tab", "Tab", "Tab"):  # opens the settings, goes to the system prompt
        keys.press(key)
    assert page.evaluate("document.activeElement.id") == "system"
    keys.type("Be brief.")
    page.locator("#prompt").focus()
    keys.type("hi")
    keys.press("Enter")
    await_answers(page, 1)
    assert said(door) == ["Be brief.", "hi"]
    keys.press("ArrowUp")
    assert page.input_value("#prompt") == "hi"


def test_escape_stops_and_slash_goes_to_the_prompt(page: Any, door: FakeDaemon) -> None:
    door.script = (*tell("Zebra")[:-1], HANG)
    say(page, "go on")
    page.get_by_text("Zebra").wait_for()
    page.keyboard.press("Escape")
    await_answers(page, 1)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "prompt" and page.input_value("#prompt") == ""


def test_text_file_that_is_dropped_goes_along(page: Any, door: FakeDaemon) -> None:
    page.evaluate(DROP, ["notes.md", "a ```b``` c"])
    page.get_by_text("notes.md").wait_for()
    say(page, "what is it?")
    await_answers(page, 1)
    assert said(door) == ["File notes.md:\n````\na ```b``` c\n````\n\nwhat is it?"]


def test_images_are_attached_by_hand_and_by_paste(page: Any, door: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(picture())
    page.set_input_files("#attach", tmp_path / "dot.png")
    page.get_by_text("dot.png").wait_for()
    page.evaluate(PASTE, "pasted.png")
    page.get_by_text("pasted.png").wait_for()
    page.get_by_role("button", name="Remove pasted.png").click()
    say(page, "what is it?")
    await_answers(page, 1)
    parts = door.requests[-1].messages[0].content if hasattr(door.requests[-1], "messages") else []
    assert len([part for part in parts if part.HasField("media")]) == 1


def test_file_that_cannot_go_along_is_refused_in_words(page: Any, tmp_path: Path) -> None:
    (tmp_path / "program.bin").write_bytes(bytes(range(256)))
    page.set_input_files("#attach", tmp_path / "program.bin")
    page.get_by_text("is neither text nor an image").wait_for()
    assert page.locator("#files li").count() == 0


def test_conversation_is_exported_when_it_is_asked_for(page: Any) -> None:
    say(page, "hi")
    await_answers(page, 1)
    with page.expect_download() as download:
        page.click("#export")
    text = Path(download.value.path()).read_text()
    assert download.value.suggested_filename == "conversation.md"
    assert "## user\n\nhi" in text and "## assistant\n\nHello, **hob**!" in text


def test_refusal_is_told_where_the_answer_would_be(page: Any, door: FakeDaemon) -> None:
    door.script = (refusal("busy", "the model is busy; ask again later"),)
    say(page, "hi")
    page.locator(".turn.assistant", has_text="the model is busy").wait_for()


def test_nothing_is_kept_when_the_page_is_left(page: Any, gateway: RunningGateway) -> None:
    say(page, "hi")
    await_answers(page, 1)
    assert page.url == f"{gateway.url}/", "the token is still in the address"
    kept = "JSON.stringify([localStorage.length, sessionStorage.length, document.cookie])"
    assert json.loads(page.evaluate(kept)) == [0, 0, ""]
    page.reload()
    page.locator("#token").wait_for()
    assert page.locator(".turn").count() == 0


def test_wires_and_walls_are_shown_and_what_is_withheld_is_said(page: Any) -> None:
    page.click("#show-attest")
    page.get_by_text("All 8 properties held").wait_for()
    assert "may infer only" in page.inner_text("#view-body")
    page.keyboard.press("Escape")
    page.click("#show-wires")
    page.get_by_text("this gateway").wait_for()
    assert "and nothing else" in page.inner_text("#view-body")
    page.keyboard.press("Escape")
    assert not page.locator("#view").is_visible()


def test_token_that_manages_sees_the_daemons_walls_too(
    browser: Any, gateway: RunningGateway, door: FakeDaemon
) -> None:
    secret = gateway.add_token("boss", "--scope", "manage")
    with opened(browser, gateway) as page:
        page.goto(f"{gateway.url}/#token={secret}")
        page.click("#show-attest")
        page.get_by_text("All 9 properties held").wait_for()
        page.keyboard.press("Escape")
        page.click("#show-wires")
        page.get_by_text("hob is offline").wait_for()


def test_wrong_token_is_refused_in_words(browser: Any, gateway: RunningGateway, door: FakeDaemon) -> None:
    with opened(browser, gateway) as page:
        page.goto(gateway.url)
        page.fill("#token", "hob-wrong")
        page.keyboard.press("Enter")
        page.get_by_text("a valid token is needed").wait_for()
        assert not page.locator("#ask").is_visible()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_words_can_be_read(browser: Any, gateway: RunningGateway, door: FakeDaemon, scheme: str) -> None:
    with opened(browser, gateway, color_scheme=scheme) as page:
        page.goto(f"{gateway.url}/#token={gateway.token}")
        say(page, "hi")
        await_answers(page, 1)
        for place in ("body", "#send", ".turn.user", ".turn.assistant .quiet", "#show-wires"):
            assert page.evaluate(CONTRAST, place) >= 4.5, f"{place} is hard to read in {scheme}"


#: The contrast of a text with what is behind it, as WCAG counts it; 4.5 is what it asks for.
CONTRAST = """(place) => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => numbers(color).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  let behind = document.querySelector(place);
  const fore = light(getComputedStyle(behind).color);
  while (numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const back = light(getComputedStyle(behind).backgroundColor);
  return (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
}"""


def test_everything_that_can_be_pressed_has_a_name(page: Any, door: FakeDaemon) -> None:
    say(page, "hi")
    await_answers(page, 1)
    page.click("#show-settings")
    for role in ("button", "textbox", "combobox", "spinbutton", "meter"):
        for each in page.get_by_role(role).all():
            assert each.evaluate("e => e.computedName ?? (e.innerText || e.ariaLabel || e.labels?.length)")


def test_memory_is_shown_live(page: Any) -> None:
    await_true(lambda: "1 running" in page.inner_text("#residents"), "the picture of memory", 20)
    assert "ram" in page.inner_text("#memory")
