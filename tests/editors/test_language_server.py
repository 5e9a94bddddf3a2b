"""`hob lsp` as editors start it, at a real daemon whose workers answer by arithmetic."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.daemon import RunningDaemon, await_true
from tests.editors.language_client import CAPABILITIES, LanguageClient, ServerError, place

Connect = Callable[..., LanguageClient]
CODE = "def fib(number):\n    "  # to which the arithmetic has an answer


def requests(client: LanguageClient) -> int:
    number: int = client.command("hob.status")["requests"]
    return number


def test_hint_comes_without_any_configuration(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    (hint,) = editor.hints(uri, 1, 4)
    assert hint["insertText"].strip()
    assert hint["range"] == {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 4}}


def test_typing_what_the_hint_says_asks_nobody(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    (hint,) = editor.hints(uri, 1, 4)
    first, rest = hint["insertText"][0], hint["insertText"][1:]
    editor.type(uri, 1, 4, first)
    (left,) = editor.hints(uri, 1, 5)
    assert left["insertText"] == rest and requests(editor) == 1


def test_wished_hints_are_several(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    first = editor.hints(uri, 1, 4)
    hints = editor.hints(uri, 1, 4, is_wished=True)
    assert hints[0] == first[0] and requests(editor) == 2


def test_nothing_is_asked_while_hob_is_off(daemon: RunningDaemon, language_server: Connect) -> None:
    client = language_server(at=daemon, options={"enabled": False})
    client.await_state("off")
    uri = client.open("a.py", CODE)
    assert client.hints(uri, 1, 4) == [] and client.command("hob.status")["requests"] == 0
    assert client.states() == ["off"]  # there is no daemon; nobody looked


def test_toggle_turns_hob_off_and_on(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    assert editor.command("hob.toggle")["state"] == "off"
    assert editor.hints(uri, 1, 4) == []
    assert editor.command("hob.toggle")["state"] != "off"
    assert editor.hints(uri, 1, 4)


@pytest.mark.parametrize("name", [".env", "certificate.pem", "id_rsa", "build/made.py"])
def test_excluded_file_is_never_asked_about(editor: LanguageClient, name: str) -> None:
    (editor.root / ".gitignore").write_text("build/\n")
    uri = editor.open(name, CODE)
    assert editor.hints(uri, 1, 4) == [] and requests(editor) == 0
    assert editor.all("hob/status")[-1]["params"]["isExcluded"]


def test_filetype_can_be_left_out(language_server: Connect) -> None:
    client = language_server(options={"filetypes": {"markdown": False}})
    assert client.hints(client.open("a.md", "# ", "markdown"), 0, 2) == []
    assert client.hints(client.open("a.py", CODE), 1, 4)


def test_missing_daemon_is_told_once(daemon: RunningDaemon, language_server: Connect) -> None:
    client = language_server(at=daemon)
    client.await_state("daemon_down")
    uri = client.open("a.py", CODE)
    assert client.hints(uri, 1, 4) == []
    (message,) = client.all("window/showMessage")
    assert "no daemon answers" in message["params"]["message"]


def test_model_that_knows_no_gaps_is_told(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    editor.hints(uri, 1, 4)
    editor.await_state("no_fim")
    (message,) = editor.all("window/showMessage")
    assert "not trained to fill gaps" in message["params"]["message"]


def test_loading_of_the_model_is_shown(daemon: RunningDaemon, language_server: Connect) -> None:
    daemon.add_model("tiny")
    daemon.start()
    client = language_server(at=daemon)
    client.hints(client.open("a.py", CODE), 1, 4)
    assert client.states()[-3:] == ["ready", "loading", "no_fim"]
    kinds = [message["params"]["value"]["kind"] for message in client.all("$/progress")]
    assert kinds[0] == "begin" and kinds[-1] == "end"


def test_typing_something_else_frees_the_engine(daemon: RunningDaemon, language_server: Connect) -> None:
    daemon.add_model("slow", "slow\n")
    daemon.start()
    client = language_server(at=daemon, options={"maxTokens": 1024})
    uri = client.open("a.py", CODE)
    client.begin_hints(uri, 1, 4)
    with daemon.client() as watcher:
        running = lambda: sum(resident.num_running for resident in watcher.status().residents)  # noqa: E731
        await_true(lambda: running() == 1, "a run")
        client.type(uri, 1, 4, "!")
        await_true(lambda: running() == 0, "a free engine")


def test_cancelled_request_frees_the_engine(daemon: RunningDaemon, language_server: Connect) -> None:
    daemon.add_model("slow", "slow\n")
    daemon.start()
    client = language_server(at=daemon, options={"maxTokens": 1024})
    asked = client.begin_hints(client.open("a.py", CODE), 1, 4)
    with daemon.client() as watcher:
        running = lambda: sum(resident.num_running for resident in watcher.status().residents)  # noqa: E731
        await_true(lambda: running() == 1, "a run")
        client.cancel(asked)
        await_true(lambda: running() == 0, "a free engine")
    with pytest.raises(ServerError, match="cancel"):
        client.answer(asked)


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 10), ("utf-16", 8), ("utf-32", 7)])
def test_columns_count_as_the_editor_counts(language_server: Connect, encoding: str, column: int) -> None:
    client = language_server(
        capabilities={**CAPABILITIES, "general": {"positionEncodings": [encoding]}},
        options={"multiLine": "never"},
    )
    assert client.server["capabilities"]["positionEncoding"] == encoding
    uri = client.open("a.py", 'x = "🦉")\n')
    (hint,) = client.hints(uri, 0, column)
    assert hint["range"]["start"]["character"] == column


def test_editor_without_inline_hints_gets_a_list(language_server: Connect) -> None:
    client = language_server(capabilities={})
    uri = client.open("a.py", "def fib")
    (item,) = client.ask("textDocument/completion", place(uri, 0, 7))["items"]
    assert item["textEdit"]["newText"].startswith("fib") and item["filterText"].startswith("fib")
    assert item["textEdit"]["range"]["start"] == {"line": 0, "character": 4}


def test_editor_with_inline_hints_gets_no_list(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    assert editor.ask("textDocument/completion", place(uri, 1, 4)) is None and requests(editor) == 0


def test_word_of_a_hint_is_accepted_by_command(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    (hint,) = editor.hints(uri, 1, 4)
    where = {"uri": uri, "position": {"line": 1, "character": 4}, "unit": "word"}
    assert editor.command("hob.accept", where)
    (edit,) = editor.applied[0]["changes"][uri]
    assert edit["newText"] and hint["insertText"].startswith(edit["newText"])


def act(client: LanguageClient, uri: str, title: str) -> dict[str, Any]:
    selected = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 7}}
    asked = {"textDocument": {"uri": uri}, "range": selected, "context": {"diagnostics": []}}
    (action,) = [found for found in client.ask("textDocument/codeAction", asked) if title in found["title"]]
    return action


def test_action_becomes_an_edit_when_it_is_chosen(editor: LanguageClient) -> None:
    uri = editor.open("a.py", "x = one\n")
    action = act(editor, uri, "Explain")
    assert "edit" not in action and requests(editor) == 0
    (edit,) = editor.ask("codeAction/resolve", action)["edit"]["changes"][uri]
    assert edit["newText"].startswith("# ") and edit["range"]["start"] == edit["range"]["end"]
    assert "hob: Explain in a comment" in [
        message["params"]["value"].get("title") for message in editor.all("$/progress")
    ]


def test_action_is_refused_when_the_text_was_changed(editor: LanguageClient) -> None:
    uri = editor.open("a.py", "x = one\n")
    action = act(editor, uri, "Explain")
    editor.type(uri, 0, 0, "y")
    with pytest.raises(ServerError, match="was changed"):
        editor.ask("codeAction/resolve", action)


def test_action_can_be_cancelled_where_its_progress_is_shown(
    daemon: RunningDaemon, language_server: Connect
) -> None:
    daemon.add_model("slow", "slow\n")
    daemon.start()
    client = language_server(at=daemon)
    uri = client.open("a.py", "x = one\n")
    asked = client.begin("codeAction/resolve", act(client, uri, "Explain"))
    begun = lambda: [m for m in client.all("$/progress") if m["params"]["value"].get("cancellable")]  # noqa: E731
    await_true(begun, "progress")
    client.notify("window/workDoneProgress/cancel", {"token": begun()[0]["params"]["token"]})
    with pytest.raises(ServerError, match="cancel"):
        client.answer(asked)


def test_chat_comes_in_pieces(editor: LanguageClient) -> None:
    answer = editor.ask("hob/chat", {"messages": [{"role": "user", "content": "hello"}], "token": 7})
    pieces = [message["params"] for message in editor.all("hob/chat/delta")]
    assert {piece["token"] for piece in pieces} == {7}
    assert "".join(piece["text"] for piece in pieces) == answer["text"] != ""


def test_chat_refuses_what_is_no_conversation(editor: LanguageClient) -> None:
    with pytest.raises(ServerError, match="needs a role"):
        editor.ask("hob/chat", {"messages": [{"role": "wizard", "content": "hello"}]})


def test_wrong_setting_is_told_and_its_default_used(language_server: Connect) -> None:
    client = language_server(options={"debounceMs": -1})
    assert client.hints(client.open("a.py", CODE), 1, 4)
    said = [message["params"]["message"] for message in client.all("window/showMessage")]
    assert "hob.debounceMs is -1; it must be a whole number from 0 to 5000" in said[0]


def test_configured_model_is_asked(daemon: RunningDaemon, language_server: Connect) -> None:
    daemon.add_model("one")
    daemon.add_model("other")
    daemon.start()
    client = language_server(at=daemon)
    client.notify("workspace/didChangeConfiguration", {"settings": {"hob": {"model": "other"}}})
    client.hints(client.open("a.py", CODE), 1, 4)
    assert client.command("hob.status")["model"] == "other"


def test_server_ends_when_its_editor_is_gone(editor: LanguageClient) -> None:
    assert editor.process.stdin is not None
    editor.process.stdin.close()
    assert editor.end() == "" and editor.process.returncode == 0


def test_check_names_a_model_that_is_not_there(house: RunningDaemon) -> None:
    command = [sys.executable, "-I", "-m", "hob_editors.lsp", "--no-start", "--check", "--json"]
    command += ["--model", "absent"]
    told = subprocess.run(command, env=house.environment, capture_output=True, text=True, check=False)
    assert told.returncode == 3 and told.stderr == ""
    assert "there is no model 'absent'; hob.model may be tiny" in json.loads(told.stdout)["message"]


def test_nothing_that_is_written_gets_into_what_editors_log(editor: LanguageClient) -> None:
    uri = editor.open("a.py", CODE)
    editor.hints(uri, 1, 4)
    with pytest.raises(ServerError) as refused:
        editor.ask("textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": "my secret"})
    assert "secret" not in str(refused.value) and "secret" not in editor.close()
