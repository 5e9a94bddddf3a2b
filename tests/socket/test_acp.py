"""`hob acp` from an editor's side: what it is told, what it is asked, and what never happens."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, text_block
from acp import schema as s
from hob.v1 import inference_pb2 as pb

from tests.daemon import RunningDaemon
from tests.editor import ABLE, HOB, Editor, agent, agent_process
from tests.fakes.daemon import HANG, tell
from tests.fakes.dialogue import Dialogue, call

pytestmark = pytest.mark.timeout(120)
WAIT_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    (tmp_path / "project").mkdir()
    (tmp_path / "project/a.txt").write_text("old\n")
    (tmp_path / "project/.env").write_text("canary")
    (tmp_path / "outside.txt").write_text("canary")
    yield tmp_path


def use(
    home: Path,
    editor: Editor,
    *scripts: tuple[Any, ...],
    mode: str = "ask",
    abilities: s.ClientCapabilities = ABLE,
    servers: Sequence[s.McpServerStdio] = (),
) -> Dialogue:
    """One prompt, answered by the scripts."""

    async def live() -> None:
        async with agent(editor, home, home / "hob.sock", abilities) as connection:
            session = await connection.new_session(cwd=str(home / "project"), mcp_servers=list(servers))
            await connection.set_session_mode(session_id=session.session_id, mode_id=mode)
            told = await connection.prompt(session_id=session.session_id, prompt=[text_block("go")])
            assert told.stop_reason == "end_turn"

    with Dialogue(home / "hob.sock", *scripts) as daemon:
        asyncio.run(asyncio.wait_for(live(), WAIT_SECONDS))
    return daemon


def thinking() -> tuple[Any, ...]:
    started, said, done = tell("Hello")
    thought = pb.Event(delta=pb.TokenDelta(text="hmm", num_tokens=1, is_reasoning=True))
    return (started, thought, said, done)


def policy(home: Path, text: str) -> None:
    path = home / ".config/hob/tools.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o600)


def test_answer_and_thoughts_come_apart(home: Path) -> None:
    editor = Editor()
    use(home, editor, thinking())
    assert (editor.said(), editor.said("agent_thought_chunk")) == ("Hello", "hmm")


def test_edit_is_shown_as_a_change_permitted_and_made_by_the_editor(home: Path) -> None:
    editor = Editor("allow_once")
    edit = call("edit_file", path="a.txt", old_text="old", new_text="new")
    daemon = use(home, editor, edit, tell("Done."))
    (shown,) = editor.questions[0].content or ()
    assert (shown.path, shown.old_text, shown.new_text) == ("a.txt", "old\n", "new\n")
    assert (home / "project/a.txt").read_text() == "new\n"
    assert set(editor.asked_for) == {str(home / "project/a.txt")} and "done" in daemon.results()[0]
    assert editor.statuses() == ["pending", "completed"]


def test_refused_call_changes_nothing_and_the_model_hears_of_it(home: Path) -> None:
    editor = Editor("reject_once")
    daemon = use(home, editor, call("write_file", path="a.txt", content="new"), tell("Then not."))
    assert (home / "project/a.txt").read_text() == "old\n"
    assert daemon.results() == ["error: the user does not allow this"]
    assert editor.statuses() == ["pending", "failed"]


def test_always_holds_for_the_session(home: Path) -> None:
    editor = Editor("allow_always")
    reads = (call("read_file", path="a.txt"), call("read_file", path="a.txt", first_line=1))
    daemon = use(home, editor, *reads, tell("Read."))
    assert daemon.results() == ["     1\told"] * 2
    assert [option.kind for option in editor.options[0]] == ["allow_always", "reject_once"]


def test_mode_that_edits_asks_for_no_change(home: Path) -> None:
    editor = Editor()
    use(home, editor, call("write_file", path="b.txt", content="new"), tell("Done."), mode="edit")
    assert (home / "project/b.txt").read_text() == "new" and editor.questions == []


def test_editor_is_never_asked_for_what_is_outside_or_secret(home: Path) -> None:
    editor = Editor()
    paths = ["../outside.txt", "/etc/passwd", ".env", "/proc/self/environ"]
    daemon = use(home, editor, *(call("read_file", path=path) for path in paths), tell("No."))
    assert editor.asked_for == [] and editor.questions == []
    assert len(daemon.results()) == len(paths) and "canary" not in "".join(daemon.results())
    assert all(result.startswith("error: that") for result in daemon.results())


def test_command_runs_in_the_editors_terminal_without_a_network(home: Path) -> None:
    policy(home, '[tools]\nshell = "ask"\n')
    editor = Editor("allow_once")
    daemon = use(home, editor, call("run_command", command="make"), tell("Ran."))
    ran, released = editor.commands
    assert ran[-1] == "make" and "--no-network" in ran and released == ["released"]
    assert daemon.results() == ["out\n[exit status 3]"]


def test_editor_that_offers_nothing_gets_no_tools_but_the_plan(home: Path) -> None:
    plan = call("update_plan", steps=[{"step": "look", "status": "in_progress"}])
    editor = Editor()
    daemon = use(home, editor, plan, tell("Good."), abilities=s.ClientCapabilities())
    assert [tool.name for tool in daemon.chats[0].tools] == ["update_plan"]
    (shown,) = [each for each in editor.updates if each.session_update == "plan"]
    assert [(entry.content, entry.status) for entry in shown.entries] == [("look", "in_progress")]


def test_record_names_calls_and_has_no_text(home: Path) -> None:
    use(home, Editor("allow_always"), call("read_file", path="a.txt"), tell("Read."))
    text = (home / ".local/state/hob/tools.log").read_text()
    record = json.loads(text)
    assert (record["front"], record["tool"], record["decision"]) == ("acp", "read_file", "person")
    assert "a.txt" not in text and "old" not in text


def test_cancel_ends_the_request_at_the_daemon(home: Path) -> None:
    editor = Editor()

    async def live() -> None:
        async with agent(editor, home, home / "hob.sock") as connection:
            session = await connection.new_session(cwd=str(home / "project"), mcp_servers=[])
            asked = connection.prompt(session_id=session.session_id, prompt=[text_block("go")])
            waiting = asyncio.ensure_future(asked)
            await editor.has_spoken.wait()
            await connection.cancel(session_id=session.session_id)
            assert (await waiting).stop_reason == "cancelled"

    started, said, _ = tell("Hello")
    with Dialogue(home / "hob.sock", (started, said, HANG)) as daemon:
        asyncio.run(asyncio.wait_for(live(), WAIT_SECONDS))
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


NOTES = s.McpServerStdio(name="notes", command="notes-server", args=[], env=[])
SERVER = """
from mcp.server import MCPServer
server = MCPServer("notes")
server.tool(name="shout")(lambda text: text.upper())
server.run()
"""


def test_server_that_the_policy_names_is_started_and_its_tool_permitted(home: Path) -> None:
    (home / "server.py").write_text(SERVER)
    line = [sys.executable, str(home / "server.py")]
    policy(home, f'[mcp.notes]\ncommand = "{line[0]}"\nargs = ["{line[1]}"]\nnetwork = false\n')
    editor = Editor("allow_once")
    server = s.McpServerStdio(name="notes", command=line[0], args=line[1:], env=[])
    daemon = use(home, editor, call("notes__shout", text="hi"), tell("Loud."), servers=[server])
    assert daemon.results() == ["HI"] and editor.questions[0].title == 'notes: shout {"text": "hi"}'


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [("", 3, "no daemon answers"), ("[tools]\nshell = 1\n", 4, "[tools] shell")],
    ids=["daemon", "policy"],
)
def test_agent_that_cannot_begin_says_why_and_not_on_its_pipe(
    home: Path, text: str, code: int, words: str
) -> None:
    policy(home, text)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HOB_SOCKET": str(home / "none.sock")}
    told = subprocess.run(
        [HOB, "acp", "--no-start"], env=environment, input="", capture_output=True, text=True, timeout=60
    )
    assert (told.returncode, told.stdout) == (code, "")
    assert told.stderr.startswith("hob: ") and words in told.stderr and told.stderr.count("\n") == 1


def test_editor_that_goes_away_ends_the_request(home: Path) -> None:
    editor = Editor()

    async def live() -> None:
        async with agent_process(editor, home, home / "hob.sock") as connection:
            session = await connection.new_session(cwd=str(home / "project"), mcp_servers=[])
            asked = connection.prompt(session_id=session.session_id, prompt=[text_block("go")])
            waiting = asyncio.ensure_future(asked)
            await editor.has_spoken.wait()
        await asyncio.gather(waiting, return_exceptions=True)

    started, said, _ = tell("Hello")
    with Dialogue(home / "hob.sock", (started, said, HANG)) as daemon:
        asyncio.run(asyncio.wait_for(live(), WAIT_SECONDS))
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"mcp_servers": [NOTES]}, "'notes' is not in "),
    ({"mcp_servers": [NOTES.model_copy(update={"name": "mine"})]}, "would be started otherwise"),
    ({"mcp_servers": [NOTES.model_copy(update={"name": "net", "command": "net"})]}, "hob is offline"),
    (
        {"mcp_servers": [s.HttpMcpServer(name="web", url="https://a.b", headers=[], type="http")]},
        "over stdio",
    ),
    ({"cwd": "/"}, "directory of a project"),
    ({"cwd": "project"}, "absolute path"),
]


def test_session_that_asks_for_too_much_is_refused(home: Path, daemon: RunningDaemon) -> None:
    policy(home, '[tools]\nnetwork = "ask"\n[mcp.mine]\ncommand = "mine"\n[mcp.net]\ncommand = "net"\n')

    async def live() -> None:
        async with agent(Editor(), home, daemon.socket) as connection:
            for asked, words in REFUSED:
                wish = {"cwd": str(home / "project"), "mcp_servers": [], **asked}
                with pytest.raises(RequestError, match=words):
                    await connection.new_session(**wish)

    daemon.start()
    asyncio.run(asyncio.wait_for(live(), WAIT_SECONDS))


def test_models_are_offered_chosen_and_answer(home: Path, daemon: RunningDaemon) -> None:
    daemon.add_model("one")
    daemon.add_model("two")
    editor = Editor()

    async def live() -> None:
        async with agent_process(editor, home, daemon.socket) as connection:
            session = await connection.new_session(cwd=str(home / "project"), mcp_servers=[])
            (option,) = session.config_options
            assert [each.value for each in option.options] == ["", "one", "two"]
            id = session.session_id
            await connection.set_config_option(config_id="model", session_id=id, value="two")
            told = await connection.prompt(session_id=id, prompt=[text_block("go")])
            assert told.stop_reason in ("end_turn", "max_tokens")
            while not editor.said():  # the library hands over what was told in a task of its own
                await asyncio.sleep(0.01)

    daemon.start("--set", "engine.context_tokens=32768", "--set", "engine.kv_cells=32768")
    asyncio.run(asyncio.wait_for(live(), WAIT_SECONDS))
    with daemon.client() as client:
        assert [resident.model for resident in client.status().residents] == ["two"] and editor.said()


def test_cancel_frees_the_lane_of_a_real_daemon(home: Path, daemon: RunningDaemon) -> None:
    daemon.add_model("slow", "slow\n")
    editor = Editor()

    async def live() -> None:
        async with agent_process(editor, home, daemon.socket) as connection:
            session = await connection.new_session(cwd=str(home / "project"), mcp_servers=[])
            asked = connection.prompt(session_id=session.session_id, prompt=[text_block("go")])
            waiting = asyncio.ensure_future(asked)
            await editor.has_spoken.wait()
            await connection.cancel(session_id=session.session_id)
            await waiting

    daemon.start("--set", "engine.context_tokens=32768", "--set", "engine.kv_cells=32768")
    asyncio.run(asyncio.wait_for(live(), WAIT_SECONDS))
    with daemon.client() as client:
        assert [resident.num_running for resident in client.status().residents] == [0]
