"""Hosts are read strictly: nothing that ssh or a shell could take for more than a name."""

from __future__ import annotations

import pytest
from hob_client.errors import InvalidRequest
from hob_client.remote import ssh
from hob_client.remote.host import Host, check_socket, parse
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://box", Host(name="box")),
        ("ssh://me@box:2222/", Host(name="box", user="me", port=2222)),
        ("ssh://me@box/run/user/1/hob.sock", Host(name="box", user="me", socket="/run/user/1/hob.sock")),
        ("ssh://[::1]:22", Host(name="::1", port=22)),
    ],
)
def test_host_is_read_and_written_again(url: str, expected: Host) -> None:
    assert parse(url) == expected == parse(str(expected))


@pytest.mark.parametrize(
    "url",
    [
        "box",
        "ssh://",
        "ssh://-oProxyCommand=id",
        "ssh://-l@box",
        "ssh://box:0",
        "ssh://box:65536",
        "ssh://box;id",
        "ssh://$(id)@box",
        "ssh://%h",
        "ssh://box/a:b",
        "ssh://box/a b",
        "ssh://box/%d",
        "ssh://box/$HOME",
        "ssh://box\n",
        "ssh://" + "a" * 600,
        "ssh://box/" + "a" * 108,
    ],
)
def test_what_could_be_more_than_a_name_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(url)


def test_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidRequest, match="names a password") as refused:
        parse("ssh://me:hunter2@box")
    assert "hunter2" not in refused.value.message


@given(st.text(max_size=60))
def test_no_text_makes_an_option_or_a_forwarding_of_its_own(text: str) -> None:
    try:
        host = parse(f"ssh://{text}")
    except InvalidRequest:
        return
    command = ssh.tunnelling("ssh", host, host.socket or "/s", may_ask=False)
    assert command[-2:] == ["--", host.name] and not host.name.startswith("-")
    assert command[command.index("-L") + 1].count(":") == 1


@given(st.text(max_size=60))
def test_socket_that_the_other_machine_names_is_plain_or_refused(said: str) -> None:
    try:
        path = check_socket(said)
    except InvalidRequest as refused:
        assert refused.message.isprintable()
        return
    assert path.startswith("/") and not set(path) & set(":%$\\ \n'\"")


def test_only_the_last_word_about_the_door_counts() -> None:
    assert ssh.door_of("welcome\nhob-door /a\nhob-door /b\n") == "/b"
    assert ssh.door_of("welcome") is None


@given(st.text(max_size=300))
def test_what_the_other_machine_writes_reaches_no_terminal_unwashed(said: str) -> None:
    message = ssh.explain(said, Host(name="box")).message
    assert message.isprintable() and len(message) < 400


def test_options_share_no_connection_and_give_no_rights() -> None:
    command = ssh.tunnelling("ssh", Host(name="box"), "/s", may_ask=False)
    options = {command[at + 1] for at, word in enumerate(command) if word == "-o"}
    assert options >= {"ControlMaster=no", "ControlPath=none", "ForwardAgent=no", "BatchMode=yes"}
    assert options >= {"ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "PermitLocalCommand=no"}


def test_forwards_of_a_configuration_are_found() -> None:
    told = "user me\nlocalforward 8080 [box]:80\nforwardagent no\nDynamicForward 1080\n"
    assert ssh.forwards_of(told) == ["dynamicforward", "localforward"]
    assert ssh.forwards_of("user me\nclearallforwardings no\n") == []
