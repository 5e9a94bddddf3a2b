"""Admission as people meet it: `hob models check`, `verify`, `release`, and a load that is refused."""

from __future__ import annotations

import json

import pytest
from hob_client import errors

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon
from tests.tiny_model import ESCAPING_TEMPLATE, write_tiny_model, write_truncated


@pytest.fixture
def hob(
    real_daemon: RunningDaemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    monkeypatch.setenv("HOB_SOCKET", str(real_daemon.socket))
    return CommandLine(capsys, monkeypatch)


def test_worker_never_sees_what_vetting_refuses(real_daemon: RunningDaemon) -> None:
    write_truncated(real_daemon.models / "cut.gguf")
    with real_daemon.start().client() as client:
        with pytest.raises(errors.ModelUnusable, match="reaches beyond the end of the file"):
            list(client.load("cut"))
        assert client.model("cut").admission[0].findings[0].code == "header"
    assert "model_loaded" not in real_daemon.log


def test_replaced_model_is_refused_until_it_is_accepted(real_daemon: RunningDaemon) -> None:
    path = real_daemon.models / "tiny.gguf"
    write_tiny_model(path)
    with real_daemon.start().client() as client:
        list(client.load("tiny"))
        client.unload("tiny")
        write_tiny_model(path, seed=1)
        with pytest.raises(errors.ModelUnusable, match="--accept"):
            list(client.load("tiny"))
        *_, verified = client.verify("tiny", accept=True)
        assert client.model("tiny").admission[0].expected_sha256 == verified.sha256
        list(client.load("tiny"))


def test_model_that_kills_its_workers_is_quarantined_and_released(daemon: RunningDaemon) -> None:
    daemon.add_model("deadly", "segv-while-loading\n")
    with daemon.start("--set", "admission.max_load_crashes=2").client() as client:
        for _ in range(2):
            with pytest.raises(errors.HobError, match="SIGSEGV"):
                list(client.load("deadly"))
        with pytest.raises(errors.ModelUnusable, match="it is in quarantine"):
            list(client.load("deadly"))
        assert "SIGSEGV" in client.models()[0].quarantined
        assert "SIGSEGV" in client.release("deadly").reasons[0]
        assert client.models()[0].quarantined == "" and client.release("deadly").reasons == ()


def test_check_tells_people_and_programs_alike(real_daemon: RunningDaemon, hob: CommandLine) -> None:
    write_tiny_model(real_daemon.models / "odd.gguf", template=ESCAPING_TEMPLATE)
    real_daemon.start("--set", "admission.vetting=enforce")
    shown = hob("models", "check", "odd")
    assert shown.code == 1 and "suspicious" in shown.out and "would be refused" in shown.err
    told = json.loads(hob("models", "check", "odd", "--json").out)
    assert told["files"][0]["findings"][0]["is_refusal"] is True


def test_show_says_how_the_digest_was_verified(real_daemon: RunningDaemon, hob: CommandLine) -> None:
    for name in ("one", "two"):
        write_tiny_model(real_daemon.models / f"{name}.gguf")
    real_daemon.start()
    assert "not since it was changed" in hob("models", "show", "one").out
    assert hob("models", "verify", "one").code == hob("models", "verify", "two").code == 0
    shown = hob("models", "show", "one").out
    assert "ago; its first use will be remembered" in shown and "same file as" in shown


def test_release_says_what_was_held(real_daemon: RunningDaemon, hob: CommandLine) -> None:
    write_tiny_model(real_daemon.models / "tiny.gguf")
    real_daemon.start()
    assert json.loads(hob("models", "release", "tiny", "--json").out) == {"model": "tiny", "reasons": []}
