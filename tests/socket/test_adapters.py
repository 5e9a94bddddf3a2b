"""Adapters through the whole daemon: what is wrong with one is told to who asks for it, and to no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_client.errors import HobError, InvalidRequest, ModelUnusable

from tests.daemon import RunningDaemon
from tests.fakes.engine import expected_answer
from tests.model.test_recovery import stream_and_kill


def add_adapter(daemon: RunningDaemon, name: str, script: str = "ok\n", *, sidecar: str = "") -> Path:
    """Beside a model called `model`. Fake workers do with it as the script says."""
    folder = daemon.models / "model.adapters"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.gguf"
    path.write_text(script)
    path.chmod(0o444)
    if sidecar:
        path.with_suffix(".toml").write_text(sidecar)
    return path


@pytest.fixture
def adapted(daemon: RunningDaemon) -> RunningDaemon:
    """A model with the adapter `good`."""
    daemon.add_model("model")
    add_adapter(daemon, "good")
    return daemon


def test_adapters_are_listed_with_their_model(adapted: RunningDaemon) -> None:
    add_adapter(adapted, "empty", "")
    with adapted.start().client() as client:
        (model,) = client.models()
    assert [(adapter.name, adapter.file_bytes) for adapter in model.adapters] == [("empty", 0), ("good", 3)]
    assert "is empty" in model.adapters[0].problem and not model.adapters[1].problem


def test_unknown_adapter_is_refused_with_the_names_there_are(adapted: RunningDaemon) -> None:
    add_adapter(adapted, "other")
    with adapted.start().client() as client:
        with pytest.raises(InvalidRequest, match='model has no adapter "goood"; name good or other'):
            client.complete("model", "hello", loras={"goood": 1.0})
        assert not client.status().residents, "nothing was loaded for it"


def test_adapter_of_a_model_without_any_is_refused_with_their_place(daemon: RunningDaemon) -> None:
    daemon.add_model("model")
    with daemon.start().client() as client, pytest.raises(InvalidRequest, match=r"into .*/model\.adapters"):
        client.complete("model", "hello", loras={"good": 1.0})


@pytest.mark.parametrize(
    ("script", "sidecar", "problem"),
    [
        ("unusable\n", "", "it is no adapter"),
        ("segv\n", "", "killed by SIGSEGV"),
        ("", "", "is empty"),
        ("ok\n", f'sha256 = "{"ab" * 32}"\n', "digest mismatch"),
        ("ok\n", "nonsense = 1\n", "nonsense"),
    ],
    ids=["no adapter", "kills its reader", "empty", "changed", "odd sidecar"],
)
def test_bad_adapter_is_refused_by_name_and_the_others_work(
    adapted: RunningDaemon, script: str, sidecar: str, problem: str
) -> None:
    for name in ("bad", "worse"):
        add_adapter(adapted, name, script, sidecar=sidecar)
    with adapted.start().client() as client:
        for name in ("bad", "worse"):
            with pytest.raises(ModelUnusable, match=f'adapter "{name}" cannot be used: .*{problem}'):
                client.complete("model", "hello", loras={"good": 1.0, name: 1.0})
        told = client.complete("model", "hello", loras={"good": 0.5}, temperature=0, max_tokens=12)
    assert told.text == expected_answer(b"hello", 12, variant=(("good", 0.5),)) and not told.receipt.degraded


def test_adapter_that_came_after_its_model_was_loaded_waits_for_the_next_load(adapted: RunningDaemon) -> None:
    with adapted.start().client() as client:
        client.complete("model", "hello", max_tokens=1)
        add_adapter(adapted, "late")
        with pytest.raises(InvalidRequest, match='"late" came after the model was loaded; stop the model'):
            client.complete("model", "hello", loras={"late": 1.0})
        client.unload("model")
        client.complete("model", "hello", loras={"late": 1.0}, max_tokens=1)


def test_verifying_a_model_verifies_its_adapters(adapted: RunningDaemon) -> None:
    add_adapter(adapted, "changed", sidecar=f'sha256 = "{"ab" * 32}"\n')
    with adapted.start().client() as client, pytest.raises(HobError, match="changed cannot be used: digest"):
        list(client.verify("model"))


def test_answer_goes_on_with_its_adapters_after_the_worker_was_killed(daemon: RunningDaemon) -> None:
    daemon.add_model("model", "slow\n")
    add_adapter(daemon, "good")
    options = {"temperature": 0, "ignore_eos": True, "max_tokens": 60}
    with daemon.start().client() as client:
        plain = client.complete("model", "hello", **options)
        whole = client.complete("model", "hello", **options, loras={"good": 0.5})
        events = stream_and_kill(client, "model", "hello", **options, loras={"good": 0.5})
    assert "".join(event.text for event in events) == whole.text != plain.text
    assert events[-1].done is not None and events[-1].done.resumed


def test_receipt_names_the_adapters_that_took_part(adapted: RunningDaemon) -> None:
    digest = "ab" * 32
    add_adapter(adapted, "signed", sidecar=f'sha256 = "{digest}"\n')
    with adapted.start("--set", "models.verify=off").client() as client:
        receipt = client.complete("model", "hello", loras={"good": 0.5, "signed": -1.0}).receipt
        assert not client.complete("model", "hello").receipt.loras
    assert [(lora.name, lora.scale) for lora in receipt.loras] == [("good", 0.5), ("signed", -1.0)]


def test_gap_is_filled_with_adapters_too(adapted: RunningDaemon) -> None:
    with adapted.start().client() as client:
        *_, done = client.infill("model", "a", "b", loras={"good": 0.5})
        assert [lora.name for lora in done.receipt.loras] == ["good"]
        with pytest.raises(InvalidRequest, match="goood"):
            list(client.infill("model", "a", "b", loras={"goood": 1.0}))
