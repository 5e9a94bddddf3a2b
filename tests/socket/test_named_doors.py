"""Named doors of a real daemon: what each grant lets through, what it refuses, and what it hides.

Must stay below its own directory.
Run by pytest.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hob_client import Client
from hob_client.doors import DoorSettings, DoorTerms
from hob_client.errors import (
    Busy,
    DaemonUnreachable,
    HobError,
    InvalidRequest,
    ModelNotFound,
    NotPermitted,
    PromptTooLong,
)

from tests.daemon import RunningDaemon, await_true

Opened = Callable[..., Client]
ALL = ("infer", "observe", "manage")


@pytest.fixture
def owner(daemon: RunningDaemon) -> Iterator[Client]:
    daemon.add_model("granted")
    daemon.add_model("hidden")
    with daemon.start().client() as client:
        yield client


@pytest.fixture
def opened(owner: Client) -> Iterator[Opened]:
    """Adds door ci with these terms, and dials it."""
    with ExitStack() as stack:

        def add(name: str = "ci", **terms: Any) -> Client:
            added = owner.doors.add(DoorSettings(name=name, terms=DoorTerms(**terms)))
            return stack.enter_context(Client(added.door.door.path, start=False))

        yield add


def refused(ask: Callable[[], object], kind: type[HobError], rule: str) -> HobError:
    with pytest.raises(kind) as caught:
        ask()
    error = caught.value
    assert (error.door, error.rule) == ("ci", rule) and "door ci" in error.message
    return caught.value


def test_added_door_answers_at_once_and_after_a_restart(
    daemon: RunningDaemon, owner: Client, opened: Opened
) -> None:
    client = opened()
    assert client.ask("granted", "hi", max_tokens=2).text
    daemon.stop()
    daemon.start()
    with Client(daemon.socket.parent / "doors/ci/hob.sock", start=False) as again:
        assert again.ask("granted", "hi", max_tokens=2).text


def test_removed_door_ends_its_connections(owner: Client, opened: Opened, tmp_path: Path) -> None:
    client = opened()
    client.models()
    assert owner.doors.remove("ci").num_connections == 1
    with pytest.raises(DaemonUnreachable):
        client.models()
    assert [door.door.name for door in owner.doors.list()] == ["owner"]
    assert not list(tmp_path.rglob("ci.toml"))


def test_door_of_the_configuration_is_not_removed_by_rpc(daemon: RunningDaemon, owner: Client) -> None:
    write_config(daemon, "[doors.ci]\n")
    owner.doors.reload()
    with pytest.raises(InvalidRequest, match=r"config\.toml; take it out there"):
        owner.doors.remove("ci")
    with pytest.raises(InvalidRequest, match="the owner's door stays"):
        owner.doors.remove("owner")


def test_door_that_is_there_is_not_added_again(opened: Opened) -> None:
    opened()
    with pytest.raises(InvalidRequest, match="there is a door ci"):
        opened()


def test_door_that_cannot_open_leaves_no_file(owner: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is not a directory"):
        owner.doors.add(DoorSettings(name="ci", path="/dev/null/hob.sock"))
    assert not list(tmp_path.rglob("ci.toml")) and len(owner.doors.list()) == 1


# ------------------------------------------------------------------ operations


def test_operation_that_is_not_granted_is_refused(opened: Opened) -> None:
    client = opened()
    for ask in (client.status, lambda: list(client.load("granted")), lambda: client.unload("granted")):
        refused(ask, NotPermitted, "operation")


def test_door_that_grants_all_still_opens_no_doors_and_ends_no_daemon(opened: Opened) -> None:
    client = opened(operations=ALL)
    client.status()
    for ask in (client.drain, client.doors.list, client.doors.reload, lambda: client.doors.remove("ci")):
        refused(ask, NotPermitted, "operation")
    refused(lambda: client.doors.add(DoorSettings(name="mine")), NotPermitted, "operation")


# ------------------------------------------------------------------ models


def test_model_that_is_not_granted_does_not_exist(opened: Opened) -> None:
    client = opened(models=("grant*",), operations=ALL)
    assert [model.name for model in client.models()] == ["granted"]
    for name in ("hidden", "no-such"):
        for ask in (
            lambda n: client.ask(n, "hi"),
            client.model,
            lambda n: client.tokenize(n, "a"),
            client.unload,
        ):
            error = refused(lambda a=ask, n=name: a(n), ModelNotFound, "model")  # type: ignore[misc]
            assert "hidden" not in error.message and error.suggestions == ("granted",)


def test_only_granted_model_is_the_default(opened: Opened) -> None:
    assert opened(models=("granted",)).ask("", "hi", max_tokens=2).receipt.model == "granted"


# ------------------------------------------------------------------ what is lowered, and what is refused


def test_answer_ends_where_the_door_says(opened: Opened) -> None:
    answer = opened(max_tokens=3).complete("granted", "hi", max_tokens=50)
    assert (answer.receipt.num_completion_tokens, answer.finish_reason) == (3, "max_tokens")


def test_context_is_what_the_door_grants(opened: Opened) -> None:
    client = opened(max_context_tokens=12)
    answer = client.complete("granted", "hello")
    assert answer.receipt.num_prompt_tokens + answer.receipt.num_completion_tokens == 12
    with pytest.raises(PromptTooLong, match="a context at this door has room for 11"):
        client.complete("granted", "hello, hello, hello")


def test_answers_at_once_are_counted_for_each_door(owner: Client, opened: Opened) -> None:
    client = opened(max_concurrent=1)
    with pytest.raises(NotPermitted, match="1 answers at once"):
        client.complete("granted", "hi", num_answers=2)
    events = client.generate("granted", "hi", max_tokens=4000, ignore_eos=True)
    next(events)
    assert refused(lambda: client.complete("granted", "hi"), Busy, "max_concurrent").retry_after_ms
    assert owner.complete("granted", "hi", max_tokens=2).text
    events.close()
    await_true(lambda: not owner.status().num_sessions, "the answer was cancelled")
    assert client.complete("granted", "hi", max_tokens=2).text


def test_tokens_of_a_minute_are_used_up(owner: Client, opened: Opened) -> None:
    client = opened(tokens_per_minute=10)
    client.complete("granted", "hello, world", max_tokens=20)
    error = refused(lambda: client.complete("granted", "hi"), Busy, "tokens_per_minute")
    assert (error.retry_after_ms or 0) > 1000
    assert owner.complete("granted", "hi", max_tokens=2).text


def test_pinned_prompt_comes_first_and_no_other_one(opened: Opened) -> None:
    plain = opened("plain").ask("granted", "hi", max_tokens=2).receipt.num_prompt_tokens
    client = opened(system_prompt="Speak of cats alone.")
    assert client.ask("granted", "hi", max_tokens=2).receipt.num_prompt_tokens > plain
    own = [{"role": "system", "content": "Speak of dogs."}, {"role": "user", "content": "hi"}]
    developer = [{"role": "developer", "content": "x"}, {"role": "user", "content": "hi"}]
    for messages in (own, developer):
        refused(lambda said=messages: client.ask("granted", said), NotPermitted, "system_prompt")  # type: ignore[misc]
    refused(lambda: client.complete("granted", "hi"), NotPermitted, "system_prompt")
    refused(lambda: client.apply_template("granted", "hi"), NotPermitted, "system_prompt")


def test_chats_only(opened: Opened) -> None:
    client = opened(no_raw_prompts=True)
    assert client.ask("granted", "hi", max_tokens=2).text
    refused(lambda: client.complete("granted", "hi"), NotPermitted, "raw_prompts")
    refused(lambda: list(client.infill("granted", "a", "b")), NotPermitted, "raw_prompts")


def test_schemas_only(opened: Opened) -> None:
    client = opened(schema_only=True)
    refused(lambda: client.ask("granted", "hi"), NotPermitted, "schema_only")
    refused(lambda: client.ask("granted", "hi", json=True), NotPermitted, "schema_only")


def test_incognito_door_finds_and_leaves_no_prefix(opened: Opened) -> None:
    prompt = "the same beginning, long enough to be kept: " * 4
    for name, is_cached in (("plain", True), ("ci", False)):
        client = opened(name, incognito=not is_cached)
        client.complete("granted", prompt, max_tokens=2)
        again = client.complete("granted", prompt, max_tokens=2).receipt
        assert (again.num_cached_tokens > 0) is is_cached


def test_doors_share_no_prefixes(owner: Client, opened: Opened) -> None:
    prompt = "what one asked is nothing to another: " * 4
    owner.complete("granted", prompt, max_tokens=2)
    assert opened().complete("granted", prompt, max_tokens=2).receipt.num_cached_tokens == 0


# ------------------------------------------------------------------ what a door sees


def test_status_shows_what_is_the_doors_own(owner: Client, opened: Opened) -> None:
    client = opened(models=("granted",), operations=("observe", "infer"))
    for model in ("granted", "hidden"):
        owner.complete(model, "hi", max_tokens=1)
    status = client.status()
    assert [door.name for door in status.doors] == ["ci"]
    assert [resident.model for resident in status.residents] == ["granted"]
    assert (status.num_requests_served, status.models_dir, status.memory) == (0, "", ())
    assert "hidden" not in repr(status)


def test_events_show_what_is_the_doors_own(owner: Client, opened: Opened) -> None:
    client = opened(models=("granted",), operations=("observe", "infer"))
    news: list[Any] = []
    reader = threading.Thread(target=lambda: news.extend(take_until_request(client.watch())))
    reader.start()
    while reader.is_alive():  # the stream is open at some time
        owner.complete("hidden", "hi", max_tokens=1)
        owner.complete("granted", "hi", max_tokens=1)
        client.complete("granted", "hi", max_tokens=1, client_request_id="mine")
        reader.join(0.05)
    assert {happening.model for happening in news} == {"granted"}
    assert {h.client_request_id for h in news if h.kind.startswith("request_")} == {"mine"}


def take_until_request(watching: Iterator[Any]) -> Iterator[Any]:
    for happening in watching:
        yield happening
        if happening.kind == "request_ended":
            return


# ------------------------------------------------------------------ reloading


def write_config(daemon: RunningDaemon, text: str) -> None:
    file = daemon.home / ".config/hob/config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_reload_opens_changes_and_closes_doors(daemon: RunningDaemon, owner: Client) -> None:
    write_config(daemon, "[doors.a]\n[doors.b]\n")
    assert sorted(owner.doors.reload().doors_opened) == ["a", "b"]
    write_config(daemon, "[doors.a]\noperations = ['observe']\n")
    with Client(daemon.socket.parent / "doors/a/hob.sock", start=False) as client:
        with pytest.raises(NotPermitted, match="grants infer"):
            client.status()
        reloaded = owner.doors.reload()
        assert (reloaded.doors_changed, reloaded.doors_closed) == (("a",), ("b",))
        assert client.status().doors[0].name == "a"


def test_watcher_of_a_door_that_shows_nothing_any_more_is_told(daemon: RunningDaemon, owner: Client) -> None:
    write_config(daemon, "[doors.a]\noperations = ['observe']\n")
    owner.doors.reload()
    with Client(daemon.socket.parent / "doors/a/hob.sock", start=False) as client:
        client.status()
        events = client.watch()
        reader = threading.Thread(target=lambda: refused_by_a(events))
        reader.start()
        write_config(daemon, "[doors.a]\n")
        owner.doors.reload()
        while reader.is_alive():
            owner.complete("granted", "hi", max_tokens=1)
            reader.join(0.05)


def refused_by_a(events: Iterator[Any]) -> None:
    with pytest.raises(NotPermitted, match="door a grants infer"):
        list(events)


def test_connections_of_a_user_are_bounded_and_the_owners_are_not(
    daemon: RunningDaemon, owner: Client, opened: Opened
) -> None:
    opened()
    with ExitStack() as stack:
        for path in (daemon.socket.parent / "doors/ci/hob.sock", daemon.socket):
            for _ in range(70):
                connection = stack.enter_context(socket.socket(socket.AF_UNIX))
                connection.connect(str(path))
        await_true(lambda: [door.num_connections for door in owner.status().doors] == [71, 64], "64 of 70")


def test_hangup_opens_doors_too(daemon: RunningDaemon, owner: Client) -> None:
    write_config(daemon, "[doors.a]\n")
    daemon.signal(signal.SIGHUP)
    await_true(lambda: len(owner.doors.list()) == 2, "the door is open")


def test_bad_configuration_changes_nothing(daemon: RunningDaemon, owner: Client, opened: Opened) -> None:
    opened()
    write_config(daemon, "[doors.b]\nmode = 7\n")
    with pytest.raises(InvalidRequest, match=r'doors\.b\.mode must be "0600"'):
        owner.doors.reload()
    assert [door.door.name for door in owner.doors.list()] == ["owner", "ci"]


def test_loose_directory_of_a_door_refuses_the_start(daemon: RunningDaemon, tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose").chmod(0o777)
    write_config(daemon, f"[doors.a]\npath = '{tmp_path}/loose/a.sock'\n")
    with pytest.raises(AssertionError, match="has mode 0777, so others could reach the door"):
        daemon.start()


# ------------------------------------------------------------------ trials


def test_trial_says_what_the_door_does(owner: Client, opened: Opened) -> None:
    client = opened(models=("granted",), max_tokens=8)
    allowed = owner.doors.test("ci", operation="infer", model="granted")
    assert (allowed.allowed, allowed.reason) == (True, "at most 8 tokens")
    for trial, rule in (
        ({"operation": "manage"}, "operation"),
        ({"operation": "infer", "model": "hidden"}, "model"),
        ({"operation": "infer", "uid": 12345}, "users"),
    ):
        verdict = owner.doors.test("ci", **trial)  # type: ignore[arg-type]
        assert (verdict.allowed, verdict.rule) == (False, rule)
    refused(lambda: list(client.load("granted")), NotPermitted, "operation")
