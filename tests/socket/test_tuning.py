"""TuneModel and trial loads at a real daemon."""

from __future__ import annotations

import pytest
from hob_client.errors import InvalidRequest
from hob_client.models import EngineSettings

from tests.daemon import RunningDaemon


def test_tuning_is_remembered_told_and_forgotten(daemon: RunningDaemon) -> None:
    daemon.add_model("tiny")
    measured = EngineSettings(threads=1, kv_type="q8_0")
    with daemon.start("--set", "engine.batch_tokens=64").client() as client:
        assert client.tune() == client.tune("tiny") and client.tune().fixed == ("batch_tokens",)
        (tuning,) = client.tune("tiny", remember=measured).tunings
        assert (tuning.model, tuning.settings) == ("tiny", measured) and tuning.at is not None
        assert not client.tune("tiny", forget=True).tunings and not client.tune().tunings


def test_tuning_outlives_the_daemon(daemon: RunningDaemon) -> None:
    daemon.add_model("tiny")
    with daemon.start().client() as client:
        client.tune("tiny", remember=EngineSettings(threads=2))
    daemon.stop()
    with daemon.start().client() as client:
        assert client.tune("tiny").tunings[0].settings == EngineSettings(threads=2)


def test_load_with_measured_settings_is_told(daemon: RunningDaemon) -> None:
    daemon.add_model("tiny")
    with daemon.start().client() as client:
        client.tune("tiny", remember=EngineSettings(batch_tokens=64))
        list(client.load("tiny"))
    assert "event=tuned model=tiny batch_tokens=64" in daemon.log


def test_trial_load_is_refused_while_the_model_is_in_memory(daemon: RunningDaemon) -> None:
    daemon.add_model("tiny")
    trial = EngineSettings(threads=1)
    with daemon.start().client() as client:
        list(client.load("tiny", trial=trial))
        with pytest.raises(InvalidRequest, match="stop it before"):
            list(client.load("tiny", trial=trial))
        client.unload("tiny")
        list(client.load("tiny", trial=trial))


@pytest.mark.parametrize("forget", [True, False])
def test_tuning_of_no_model_is_refused(daemon: RunningDaemon, forget: bool) -> None:
    with daemon.start().client() as client, pytest.raises(InvalidRequest, match="name it"):
        client.tune(forget=forget, remember=None if forget else EngineSettings(threads=1))


def test_nothing_is_nothing_to_remember(daemon: RunningDaemon) -> None:
    daemon.add_model("tiny")
    with daemon.start().client() as client, pytest.raises(InvalidRequest, match="nothing to remember"):
        client.tune("tiny", remember=EngineSettings())
