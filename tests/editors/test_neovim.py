"""The plugin in a real Neovim without a screen, at a real daemon whose workers answer by arithmetic."""

from __future__ import annotations

from pathlib import Path

from tests.daemon import await_true
from tests.editors.neovim import PLUGIN, Neovim

CODE = "def fib(n):\n    "  # to which the arithmetic has an answer


def requests(nvim: Neovim) -> int:
    number: int = nvim.status()["requests"]
    return number


def test_hint_is_shown_while_typing_and_tab_accepts_it(nvim: Neovim) -> None:
    hint = nvim.write(CODE)
    nvim.type("<Tab>")
    await_true(lambda: nvim.text == CODE + hint, "the text with its hint")


def test_typing_what_is_shown_asks_nobody(nvim: Neovim) -> None:
    hint = nvim.write(CODE)
    asked = requests(nvim)
    nvim.type(hint[:3])
    await_true(lambda: nvim.shown == hint[3:], "the rest of the hint")
    assert requests(nvim) == asked


def test_word_is_accepted_and_the_rest_stays(nvim: Neovim) -> None:
    nvim.write(CODE)
    nvim.lua("require('hob.ghost').accept('word')")
    assert nvim.text.startswith(CODE) and len(nvim.text) > len(CODE)


def test_tab_without_a_hint_is_a_tab(nvim: Neovim) -> None:
    nvim.lua("require('hob.config').current.auto = false")
    nvim.type("ia<Tab>b")
    await_true(lambda: nvim.text == "a\tb", "a tab")
    nvim.lua("require('hob.config').current.auto = true")


def test_accepted_hint_is_undone_by_itself(nvim: Neovim) -> None:
    hint = nvim.write(CODE)
    nvim.type("<Tab>")
    await_true(lambda: nvim.text == CODE + hint, "the hint")
    nvim.type("<Esc>u")
    await_true(lambda: nvim.text == CODE, "the text without the hint")


def test_dismissed_hint_does_not_come_back_by_itself(nvim: Neovim) -> None:
    nvim.write(CODE)
    nvim.type("<C-]>")
    await_true(lambda: nvim.shown == "", "no hint")
    nvim.lua("require('hob.ghost').update()")
    assert nvim.shown == "" and nvim.text == CODE


def test_next_asks_for_more(nvim: Neovim) -> None:
    hint = nvim.write(CODE)
    asked = requests(nvim)
    nvim.type("<M-n>")
    await_true(lambda: requests(nvim) == asked + 1, "a second request")
    await_true(lambda: nvim.shown == hint, "the hint, which arithmetic always makes the same")


def test_toggle_ends_all_requests(nvim: Neovim) -> None:
    asked = requests(nvim)
    nvim.type("<M-t>")
    nvim.await_state("off")
    nvim.type("i" + CODE.replace("\n", "<CR>"))
    await_true(lambda: nvim.text == CODE, "the text")
    assert nvim.shown == "" and requests(nvim) == asked
    assert nvim.lua("return require('hob').statusline()") == "hob: off"
    nvim.type("<M-t>")
    nvim.await_state("ready", "no_fim")


def test_secret_file_gets_no_hints_and_says_so(nvim: Neovim, workspace: Path) -> None:
    asked = requests(nvim)
    nvim.edit(workspace / ".env")
    nvim.type("iKEY=")
    await_true(lambda: nvim.lua("return require('hob').statusline()") == "hob: excluded", "the statusline")
    assert nvim.shown == "" and requests(nvim) == asked


def test_text_past_the_basic_plane_does_not_shift_the_hint(nvim: Neovim) -> None:
    hint = nvim.write('x = "🦉 é')
    nvim.type("<Tab>")
    await_true(lambda: nvim.text == 'x = "🦉 é' + hint, "the text with its hint")


def test_chat_is_written_into_its_buffer(nvim: Neovim) -> None:
    nvim.command("HobChat hello there")
    await_true(lambda: nvim.text.count("## You") == 2, "the whole answer", 60)
    turns = nvim.lua("return require('hob.chat').messages(0)")
    assert [turn["role"] for turn in turns] == ["user", "assistant"]
    assert turns[0]["content"] == "hello there" and turns[1]["content"]


def test_chat_refuses_lines_of_an_excluded_file(nvim: Neovim, workspace: Path) -> None:
    (workspace / ".env").write_text("KEY=1\n")
    nvim.edit(workspace / ".env")
    nvim.command("1HobChat what is this?")
    await_true(lambda: "is excluded; nothing of it was sent" in nvim.text, "the refusal", 60)


def test_lines_are_explained_in_a_comment(nvim: Neovim) -> None:
    nvim.type("ix = one<Esc>")
    await_true(lambda: nvim.text == "x = one", "the text")
    nvim.command("1HobEdit explain")
    await_true(lambda: nvim.text.startswith("# ") and nvim.text.endswith("\nx = one"), "the comment", 60)


def test_health_tells_what_is_well(nvim: Neovim) -> None:
    nvim.command("checkhealth hob")
    assert "The daemon answers" in nvim.text and "ERROR" not in nvim.text


def test_health_tells_that_the_program_is_missing(nvim: Neovim) -> None:
    there = nvim.lua("return require('hob.config').current.cmd")
    nvim.lua("require('hob.config').current.cmd = { 'no-such-hob', 'lsp' }")
    nvim.command("checkhealth hob")
    nvim.lua("require('hob.config').current.cmd = ...", there)
    assert "There is no program `no-such-hob`" in nvim.text


def test_help_has_an_entry_for_every_command(nvim: Neovim) -> None:
    nvim.command(f"helptags {PLUGIN / 'doc'}")
    for name in ("HobChat", "HobStop", "HobToggle", "HobStatus", "HobModel", "HobEdit"):
        nvim.command(f"help :{name}")
