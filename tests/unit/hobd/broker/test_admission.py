"""A worker gets a file only if nothing speaks against it; what speaks against one is told with what to do."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from hobd.broker.admission import Admission
from hobd.broker.death import WorkerDied
from hobd.broker.examining import Examined, examine, quarantined, release, same_digest
from hobd.config import Config, load
from hobd.errors import ModelUnusable
from hobd.store.catalog import Catalog, Entry
from hobd.store.digest import DigestMemory
from hobd.store.pins import Pins
from hobd.store.quarantine import Quarantine
from hobd.wire.messages import Phase

from tests.signing import new_key, sign_file, write_key
from tests.tiny_model import ESCAPING_TEMPLATE, write_not_gguf, write_tiny_model, write_truncated

KEY = new_key()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir(mode=0o700)
    return tmp_path / "models"


@pytest.fixture
def admission(tmp_path: Path) -> Admission:
    return Admission(
        digests=DigestMemory(tmp_path / "digests.json", now_ns=lambda: 1 << 62),
        pins=Pins(tmp_path / "pins.json"),
        quarantine=Quarantine(tmp_path / "quarantine.json"),
    )


def catalog(models: Path) -> Catalog:
    found = Catalog(models)
    found.scan()
    return found


def model(models: Path, name: str = "m") -> Entry:
    return catalog(models).resolve(name)


def configured(models: Path, **settings: str) -> Config:
    chosen = {"models.dir": str(models)} | {key.replace("__", "."): value for key, value in settings.items()}
    return load(None, {}, [f"{key}={value}" for key, value in chosen.items()])


def let_in(admission: Admission, models: Path, name: str = "m", **settings: str) -> str:
    """Loads a model as far as admission goes; returns its digest."""
    config = configured(models, **settings)
    admitted = admission.admit(model(models, name), "model", config, owner=name)
    try:
        admission.loaded([admitted], config)
    finally:
        os.close(admitted.file.fd)
    return admitted.file.sha256 or ""


def refusal(admission: Admission, models: Path, name: str = "m", **settings: str) -> str:
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ModelUnusable) as caught:
        let_in(admission, models, name, **settings)
    assert len(os.listdir("/dev/fd")) == before, "a descriptor was left open"
    return caught.value.message


def examined(admission: Admission, models: Path, name: str = "m", **settings: str) -> Examined:
    return examine(admission, model(models, name), catalog(models), configured(models, **settings))[0]


def test_a_sound_model_is_let_in_and_nothing_is_said(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    sha256 = let_in(admission, models)
    seen = examined(admission, models)
    assert (seen.provenance.sha256, seen.findings, seen.refusal) == (sha256, (), "")


@pytest.mark.parametrize(
    ("write", "why"), [(write_not_gguf, "not a GGUF"), (write_truncated, "beyond the end")]
)
def test_what_is_no_model_is_refused_before_a_worker_sees_it(
    admission: Admission, models: Path, write: object, why: str
) -> None:
    assert callable(write)
    write(models / "m.gguf")
    assert why in refusal(admission, models)
    assert why in examined(admission, models).refusal
    assert let_in(admission, models, admission__vetting="off")


def test_a_suspicious_template_is_told_and_refused_only_where_that_is_wished(
    admission: Admission, models: Path
) -> None:
    write_tiny_model(models / "m.gguf", template=ESCAPING_TEMPLATE)
    assert let_in(admission, models)
    assert "reaches for __class__" in refusal(admission, models, admission__vetting="enforce")


def test_a_template_beside_a_model_is_looked_at_too(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    (models / "m.jinja").write_text(ESCAPING_TEMPLATE)
    assert "reaches for __class__" in refusal(admission, models, admission__vetting="enforce")


def test_a_directory_that_others_can_write_to_is_told(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    models.chmod(0o777)
    assert "others than its owner can put files into" in refusal(
        admission, models, admission__vetting="enforce"
    )
    assert [finding.code for finding, _ in examined(admission, models).findings] == ["directory"]


# ---------------------------------------------------------------------- first use


def test_another_file_under_the_same_name_is_refused_until_it_is_accepted(
    admission: Admission, models: Path
) -> None:
    write_tiny_model(models / "m.gguf")
    let_in(admission, models)
    write_tiny_model(models / "m.gguf", seed=1)
    assert "if you replaced it, run `hob models verify m --accept`" in refusal(admission, models)
    with pytest.raises(ModelUnusable, match="at its first use"):
        admission.accept(model(models), accepts=False)
    sha256 = admission.accept(model(models), accepts=True)
    assert let_in(admission, models) == sha256


def test_a_file_that_no_worker_read_is_not_remembered(admission: Admission, models: Path) -> None:
    write_truncated(models / "m.gguf")
    refusal(admission, models)
    write_tiny_model(models / "m.gguf")
    assert let_in(admission, models)


def test_a_sidecar_has_the_last_word(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    sha256 = let_in(admission, models)
    (models / "m.toml").write_text(f'sha256 = "{"ab" * 32}"\n')
    assert "digest mismatch" in refusal(admission, models)
    with pytest.raises(ModelUnusable, match="digest mismatch"):
        admission.accept(model(models), accepts=True)
    (models / "m.toml").write_text(f'sha256 = "{sha256}"\n')
    assert let_in(admission, models) == sha256


def test_first_use_can_be_forgotten_by_configuration(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    let_in(admission, models, admission__first_use="off")
    write_tiny_model(models / "m.gguf", seed=1)
    assert let_in(admission, models)


# ---------------------------------------------------------------------- quarantine


def died(
    admission: Admission, models: Path, status: int, phase: Phase = Phase.LOADING, limit: str = "2"
) -> str:
    config = configured(models, admission__max_load_crashes=limit)
    admitted = admission.admit(model(models), "model", config, owner="m")
    os.close(admitted.file.fd)
    return admission.died(admitted, WorkerDied(status, phase, ""), config)


def test_who_kills_too_many_workers_is_quarantined_by_digest_until_released(
    admission: Admission, models: Path
) -> None:
    write_tiny_model(models / "m.gguf")
    assert died(admission, models, -signal.SIGSEGV) == ""
    assert "hob models release m" in died(admission, models, -signal.SIGABRT)
    (models / "m.gguf").rename(models / "renamed.gguf")
    told = refusal(admission, models, "renamed")
    assert "quarantine (the worker that read it died 2 times, at last it was killed by SIGABRT)" in told
    assert "hob models release renamed" in told
    reasons = release(admission, model(models, "renamed"), catalog(models))
    assert "SIGABRT" in reasons[0] and let_in(admission, models, "renamed")


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGILL])
def test_what_others_did_to_a_worker_is_not_counted(admission: Admission, models: Path, status: int) -> None:
    write_tiny_model(models / "m.gguf")
    assert died(admission, models, status, limit="1") == ""
    assert let_in(admission, models)


def test_a_death_while_serving_is_not_the_files(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    assert died(admission, models, -signal.SIGSEGV, Phase.SERVING, limit="1") == ""


def test_a_whole_load_in_between_forgives(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    for _ in range(3):
        assert died(admission, models, -signal.SIGSEGV) == ""
        let_in(admission, models)


def test_quarantine_is_told_without_reading_the_file(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    sha256 = let_in(admission, models)
    admission.quarantine.put(sha256, "m", "it tripped the wire")
    assert quarantined(admission, model(models)) == "it tripped the wire"
    assert examined(admission, models).refusal == "it is in quarantine: it tripped the wire"


# ---------------------------------------------------------------------- signatures


def test_signatures_are_asked_for_where_the_configuration_says(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    (models / "vendor").mkdir(mode=0o700)
    write_tiny_model(models / "vendor" / "v.gguf")
    keys = str(write_key(models / "keys.pem", KEY))
    rules = {"admission__signatures_in": "vendor=enforce", "admission__trusted_keys": keys}
    assert let_in(admission, models, **rules)
    assert "no signature stands beside it" in refusal(admission, models, "v", **rules)
    sign_file(KEY, models / "vendor" / "v.gguf")
    assert let_in(admission, models, "v", **rules)
    assert examined(admission, models, "v", **rules).signature == "signed"


@pytest.mark.parametrize("policy", ["warn", "off"])
def test_without_enforcing_an_unsigned_model_is_let_in(
    admission: Admission, models: Path, policy: str
) -> None:
    write_tiny_model(models / "m.gguf")
    assert let_in(admission, models, admission__signatures=policy)
    assert examined(admission, models, admission__signatures=policy).refusal == ""


def test_an_unknown_digest_satisfies_no_signature(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    sign_file(KEY, models / "m.gguf")
    told = refusal(admission, models, models__verify="off", admission__signatures="enforce")
    assert "its digest is not known" in told


def test_keys_that_cannot_be_read_let_nothing_in(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    sign_file(KEY, models / "m.gguf")
    missing = str(models / "gone.pem")
    told = refusal(admission, models, admission__signatures="enforce", admission__trusted_keys=missing)
    assert "gone.pem cannot be read" in told


# ---------------------------------------------------------------------- what is told


def test_files_that_are_the_same_are_told(admission: Admission, models: Path) -> None:
    for name in ("m", "copy"):
        write_tiny_model(models / f"{name}.gguf")
        let_in(admission, models, name)
    write_tiny_model(models / "other.gguf", seed=1)
    found = catalog(models)
    assert same_digest(admission, found.resolve("m"), found.entries()) == ["copy"]


def test_examining_a_file_that_is_gone_says_so(admission: Admission, models: Path) -> None:
    write_tiny_model(models / "m.gguf")
    gone = replace(model(models), path=models / "gone.gguf")
    seen = examine(admission, gone, catalog(models), configured(models))[0]
    assert "cannot be opened" in seen.refusal and seen.provenance.sha256 is None
