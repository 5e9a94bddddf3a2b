"""What each kind of hub has, made into a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hob_client.errors import HobError, InvalidRequest, ModelNotFound, ModelUnusable, NotPermitted
from hob_fetch.main import make_plan
from hob_fetch.plan import Plan
from hob_fetch.settings import Settings
from hob_fetch.source_text import read_source
from hob_fetch.web import Web

from tests.hub import COMMIT, Hub, gguf, layer, sha256, status

MODEL, PROJECTOR = gguf(1000), gguf(500, seed=1)
LICENSE = b"\n  MIT License\n\nCopyright"
LAYERS = [
    ("application/vnd.ollama.image.model", MODEL, ""),
    ("application/vnd.ollama.image.projector", PROJECTOR, ""),
    ("application/vnd.ollama.image.license", LICENSE, ""),
    ("application/vnd.ollama.image.template", b"{{ .Prompt }}", ""),
]
Planner = Callable[..., Plan]


@pytest.fixture
def plan(hub: Hub) -> Iterator[Planner]:
    webs = []

    def make(source: str, **tokens: str) -> Plan:
        mirrors = {"huggingface": hub.url, "ollama": hub.url, "packages": f"{hub.url}/simple"}
        webs.append(Web(tokens))
        return make_plan(read_source(source.replace("HUB", hub.host)), webs[-1], Settings(mirrors=mirrors))

    yield make
    for web in webs:
        web.close()


# ------------------------------------------------------------------ Hugging Face


def test_repository_becomes_files_of_one_commit(hub: Hub, plan: Planner) -> None:
    hub.hugging_face("o/r", {"m-Q8_0.gguf": MODEL, "mmproj-m-F16.gguf": PROJECTOR, "m-Q8_0.gguf.sig": b"{}"})
    made = plan("hf:o/r")
    assert (made.name, made.license) == ("m-Q8_0", "apache-2.0")
    assert made.source == f"hf:o/r/m-Q8_0.gguf@{COMMIT}"
    assert [item.kind for item in made.items] == ["model", "projector", "signature"]
    assert made.items[0].url == f"{hub.url}/o/r/resolve/{COMMIT}/m-Q8_0.gguf"
    assert (made.items[0].sha256, made.items[0].size_bytes) == (sha256(MODEL), 1000)


def test_file_that_is_named_is_taken_and_nothing_needs_saying(hub: Hub, plan: Planner) -> None:
    hub.hugging_face("o/r", {"a/m-Q8_0.gguf": MODEL, "m-Q4_K_M.gguf": PROJECTOR})
    made = plan("hf:o/r/a/m-Q8_0.gguf")
    assert made.name == "m-Q8_0" and made.notes == ()
    assert plan("hf:o/r:q8_0").items[0].title == "m-Q8_0.gguf"
    with pytest.raises(ModelNotFound, match=r"no other\.gguf"):
        plan("hf:o/r/other.gguf")


def test_repository_that_wants_consent_says_how_to_come_in(hub: Hub, plan: Planner) -> None:
    hub.serve("/api/models/o/r/revision/main", {}, status(401))
    with pytest.raises(NotPermitted, match="HF_TOKEN"):
        plan("hf:o/r")


NO_ANSWERS: list[Any] = [
    b"<html>",
    b"[" * 100_000,
    [],
    {"siblings": 3},
    {"siblings": [], "sha": COMMIT},
    {"sha": "main"},
    {"sha": "../x", "siblings": [{"rfilename": "m.gguf"}]},
    {"sha": COMMIT, "siblings": [{"rfilename": "../../m.gguf"}, {"rfilename": 7}, 3]},
]


@pytest.mark.parametrize("told", NO_ANSWERS)
def test_answer_that_is_none_of_a_hub_is_a_sentence(hub: Hub, plan: Planner, told: Any) -> None:
    hub.serve("/api/models/o/r/revision/main", told)
    with pytest.raises(HobError, match=r"hub|host|GGUF"):
        plan("hf:o/r")


def test_answer_without_end_is_not_read(hub: Hub, plan: Planner) -> None:
    hub.serve("/api/models/o/r/revision/main", b" " * (9 << 20))
    with pytest.raises(ModelUnusable, match="over 8192 KiB"):
        plan("hf:o/r")


# ------------------------------------------------------------------ registries


def test_manifest_becomes_blobs_by_digest(hub: Hub, plan: Planner) -> None:
    hub.registry("library/m", "7b", LAYERS)
    made = plan("ollama:m:7b")
    assert (made.name, made.license, made.source) == ("m-7b", "MIT License", "ollama:m:7b")
    assert [item.kind for item in made.items] == ["model", "projector"]
    assert made.items[0].url == f"{hub.url}/v2/library/m/blobs/sha256:{sha256(MODEL)}"
    assert "left 1 layers" in made.notes[0]


def test_artifact_of_any_registry_is_told_by_its_title(hub: Hub, plan: Planner) -> None:
    hub.registry("a/m", "v1", [("application/octet-stream", MODEL, "dir/m-Q8_0.gguf")])
    made = plan("oci://HUB/a/m:v1")
    assert made.name == "m-v1" and made.items[0].title == "m-Q8_0.gguf"
    assert made.source == f"oci://{hub.host}/a/m:v1"


def test_manifest_by_digest_must_be_that_one(hub: Hub, plan: Planner) -> None:
    hub.registry("a/m", "v1", LAYERS)
    right = sha256(hub.paths["/v2/a/m/manifests/v1"].content)
    for digest in (right, "0" * 64):
        hub.paths[f"/v2/a/m/manifests/sha256:{digest}"] = hub.paths["/v2/a/m/manifests/v1"]
    assert plan(f"oci://HUB/a/m@sha256:{right}").name == "m"
    with pytest.raises(ModelUnusable, match="not the one with that digest"):
        plan(f"oci://HUB/a/m@sha256:{'0' * 64}")


def test_index_leads_to_its_only_manifest(hub: Hub, plan: Planner) -> None:
    hub.registry("a/m", "v1", LAYERS)
    digest = sha256(hub.paths["/v2/a/m/manifests/v1"].content)
    hub.paths[f"/v2/a/m/manifests/sha256:{digest}"] = hub.paths["/v2/a/m/manifests/v1"]
    hub.serve("/v2/a/m/manifests/all", {"manifests": [{"digest": f"sha256:{digest}"}]})
    assert plan("oci://HUB/a/m:all").items[0].sha256 == sha256(MODEL)


def test_digest_that_climbs_is_refused(hub: Hub, plan: Planner) -> None:
    bad = {**layer("application/vnd.ollama.image.model", MODEL), "digest": "sha256:../../../../etc/cron.d/x"}
    hub.serve("/v2/library/m/manifests/latest", {"layers": [bad]})
    with pytest.raises(ModelUnusable, match="no SHA-256"):
        plan("ollama:m")


def challenge(hub: Hub, realm: str) -> None:
    hub.registry("a/m", "v1", LAYERS)
    told = f'Bearer realm="{realm}",service="s",scope="repository:a/m:pull"'
    hub.paths["/v2/a/m/manifests/v1"].faults.append(status(401, WWW_Authenticate=told))


def test_registry_that_wants_a_token_from_everybody_gets_one(hub: Hub, plan: Planner) -> None:
    challenge(hub, f"{hub.url}/token")
    hub.serve("/token", {"token": "anybodys"})
    plan("oci://HUB/a/m:v1")
    assert hub.asked[1].path == "/token?service=s&scope=repository%3Aa%2Fm%3Apull"
    assert hub.asked[2].headers["Authorization"] == "Bearer anybodys"


def test_token_of_the_users_is_not_shown_where_a_registry_points(hub: Hub, plan: Planner) -> None:
    with Hub() as thief:
        thief.serve("/token", {"token": "x"})
        challenge(hub, f"{thief.url}/token")
        with pytest.raises(NotPermitted):
            plan("oci://HUB/a/m:v1", **{hub.host: "secret"})
        assert thief.asked == [] and hub.asked[0].headers["Authorization"] == "Bearer secret"


def test_realm_may_not_lead_anywhere(hub: Hub, plan: Planner) -> None:
    challenge(hub, "http://192.0.2.1/token")
    with pytest.raises(NotPermitted, match="not encrypted"):
        plan("oci://HUB/a/m:v1")


# ------------------------------------------------------------------ URLs and packages


def test_url_is_its_file_and_what_stands_behind_its_mark(hub: Hub, plan: Planner) -> None:
    made = plan(f"http://HUB/a/my%20model.gguf?key=secret#sha256={'a' * 64}")
    assert (made.name, made.items[0].sha256) == ("my-model", "a" * 64)
    assert made.source == f"{hub.url}/a/my%20model.gguf" and "secret" not in str(made)
    with pytest.raises(InvalidRequest, match="sha256="):
        plan("http://HUB/m.gguf#md5=1")


def index(hub: Hub, **wheel: Any) -> None:
    told = {"filename": "my_model-1.2-py3-none-any.whl", "url": "../../files/m.whl", "size": 10}
    told |= {"hashes": {"sha256": "b" * 64}} | wheel
    other = {"filename": "my_model-1.2.tar.gz", "url": "x", "hashes": {}}
    hub.serve("/simple/my-model/", {"files": [other, told]})


def test_package_becomes_its_wheel_and_the_member(hub: Hub, plan: Planner) -> None:
    index(hub)
    (item,) = plan("package:My_Model==1.2/a/m.gguf").items
    assert (item.url, item.member, item.sha256) == (f"{hub.url}/files/m.whl", "a/m.gguf", "b" * 64)
    with pytest.raises(ModelNotFound, match=r"no wheel of my-model 1\.3"):
        plan("package:my-model==1.3/m.gguf")


@pytest.mark.parametrize("wheel", [{"hashes": {}}, {"hashes": {"sha256": "x"}}])
def test_package_without_a_digest_is_refused(hub: Hub, plan: Planner, wheel: Any) -> None:
    index(hub, **wheel)
    with pytest.raises(ModelUnusable, match="no SHA-256"):
        plan("package:my-model==1.2/m.gguf")


def test_package_wants_its_member_named(plan: Planner) -> None:
    with pytest.raises(InvalidRequest, match="which file"):
        plan("package:my-model==1.2")
