"""Links by name, who keeps them, and how patient a keeper is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_client import network, socket_path
from hob_client.errors import DaemonUnreachable, InvalidRequest, NotPermitted
from hob_client.launch import start_daemon
from hob_client.remote import links
from hob_client.remote.host import parse
from hob_client.remote.keeper import Keeper, pause_seconds
from hob_client.remote.links import Link
from hob_client.remote.tunnel import Tunnel


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOB_CONFIG", str(tmp_path / "config" / "config.toml"))
    monkeypatch.delenv("HOB_SOCKET", raising=False)
    return tmp_path


def test_link_is_remembered_until_it_is_removed() -> None:
    links.add("box", "ssh://me@box")
    assert links.names() == ["box"] and str(links.host_of("box")) == "ssh://me@box"
    links.remove("box")
    with pytest.raises(InvalidRequest, match="there is no link 'box'"):
        links.host_of("box")


@pytest.mark.parametrize("name", ["", "-x", "a/b", "..", "a b", "a" * 33])
def test_name_that_could_be_a_path_or_an_option_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="must be named"):
        links.add(name, "ssh://box")


def test_what_a_keeper_wrote_counts_while_it_holds_the_lock() -> None:
    links.add("box", "ssh://box")
    with links.keeping("box"):
        links.tell(Link(name="box", host="ssh://box", state="up", pid=1))
        assert links.look("box").state == "up"
    assert links.look("box").state == "down"


def test_second_keeper_is_refused() -> None:
    with links.keeping("box"), pytest.raises(InvalidRequest, match="is kept up already"):
        with links.keeping("box"):
            pass


def test_folder_that_others_may_enter_is_refused(home: Path) -> None:
    (home / "hob" / "links").mkdir(parents=True, mode=0o700)
    (home / "hob").chmod(0o755)
    with pytest.raises(NotPermitted, match="chmod 700"):
        links.folder_of("box")


def test_no_daemon_is_started_in_the_place_of_a_link() -> None:
    assert socket_path.link_at(links.path_of("box")) == "box"
    with pytest.raises(DaemonUnreachable, match="the link box is down"):
        start_daemon(links.path_of("box"))


def test_keeper_waits_longer_each_time_and_never_very_long() -> None:
    pauses = [pause_seconds(count) for count in range(1, 40)]
    assert pauses[:4] == [1, 2, 4, 8] and pauses == sorted(pauses) and pauses[-1] == 60


class SteadyTunnel(Tunnel):
    """Comes up at once and never breaks."""

    closed = False

    def open(self) -> None: ...

    def wait(self, seconds: float | None = None) -> None: ...

    def close(self) -> None:
        self.closed = True


def test_link_goes_down_when_the_machine_goes_offline(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(purpose: str) -> None:
        raise network.Offline(f"{purpose} is off")

    monkeypatch.setattr("hob_client.remote.keeper.require_online_here", lambda purpose: None)
    monkeypatch.setattr("hob_client.remote.keeper.require_still_online", refuse)
    tunnel = SteadyTunnel(parse("ssh://box"), home, may_ask=False)
    with pytest.raises(network.Offline):
        Keeper("box", parse("ssh://box"), tunnel=tunnel).run()
    assert tunnel.closed and links.look("box", "ssh://box").state == "down"


def test_link_is_never_asked_about_this_machines_switch(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("HOB_SOCKET", links.path_of("box"))
    assert network.own_door() == str(home / "hob" / "hob.sock")


@pytest.mark.parametrize(
    ("policy", "config", "decided_by"),
    [
        (None, None, "default"),
        (None, "[network]\noffline = false\n", None),
        ("[network]\noffline = true\n", "[network]\noffline = false\n", "policy"),
        ("[network]\noffline = false\n", None, None),
        (None, "[network\n", "config, which cannot be read"),
    ],
)
def test_files_decide_where_only_clients_are(
    home: Path, policy: str | None, config: str | None, decided_by: str | None
) -> None:
    for name, text in (("policy", policy), ("config", config)):
        if text is not None:
            (home / name).write_text(text)
    told = network._decided_by_files(home / "policy", home / "config")
    assert told == decided_by or (told or "").endswith(f"/{decided_by}")
