"""`hob import`: models that are on this machine already."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hob_cli.importing import stores
from hob_cli.importing.bringing import bring
from hob_cli.importing.found import among
from hob_client.errors import InvalidRequest, ModelNotFound, NotPermitted
from hob_client.shelf import tidying

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon
from tests.hub import gguf, layer, sha256

BODY, PROJECTOR = gguf(3000), gguf(2000, seed=1)


@pytest.fixture(autouse=True)
def empty(online: RunningDaemon) -> None:
    tidying.remove(list(online.models.iterdir()))


def ollama(home: Path, name: str, tag: str, model: bytes, license: bytes = b"MIT\n") -> Path:
    """A store as Ollama keeps it. Returns the model's blob."""
    folder = home / ".ollama" / "models"
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    blobs = {"model": model, "license": license, "template": b"{{ .Prompt }}"}
    for blob in blobs.values():
        (folder / "blobs" / f"sha256-{sha256(blob)}").write_bytes(blob)
    layers = [layer(f"application/vnd.ollama.image.{kind}", blob) for kind, blob in blobs.items()]
    manifest = folder / "manifests/registry.ollama.ai/library" / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"layers": layers}))
    return folder / "blobs" / f"sha256-{sha256(model)}"


def hugging_face(home: Path, repo: str, files: dict[str, bytes]) -> Path:
    """A cache as Hugging Face's programs keep it. Returns its folder."""
    folder = home / ".cache/huggingface/hub" / f"models--{repo.replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True)
    (folder / "snapshots/abc").mkdir(parents=True)
    for name, body in files.items():
        (folder / "blobs" / sha256(body)).write_bytes(body)
        (folder / "snapshots/abc" / name).symlink_to(f"../../blobs/{sha256(body)}")
    return folder


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ------------------------------------------------------------------ finding


def test_ollamas_models_are_told_by_name_and_tag(tmp_path: Path) -> None:
    blob = ollama(tmp_path, "m", "latest", BODY)
    ollama(tmp_path, "m", "7b", BODY)
    found = stores.models_of("ollama", {"HOME": str(tmp_path)})
    assert [each.name for each in found] == ["m", "m-7b"]
    assert found[0].model == blob and found[0].files[0].sha256 == sha256(BODY)
    assert found[0].license == "MIT" and found[1].origin == "ollama:m:7b"


@pytest.mark.parametrize("text", ["", "[", '{"layers": []}', '{"layers": [{"digest": "sha256:../../x"}]}'])
def test_manifest_that_is_damaged_hides_no_other(tmp_path: Path, text: str) -> None:
    ollama(tmp_path, "whole", "latest", BODY)
    write(tmp_path / ".ollama/models/manifests/registry.ollama.ai/library/bad/latest", text.encode())
    assert [each.name for each in stores.models_of("ollama", {"HOME": str(tmp_path)})] == ["whole"]


def test_blob_that_is_not_whole_is_no_model(tmp_path: Path) -> None:
    ollama(tmp_path, "m", "latest", BODY).write_bytes(BODY[:100])
    assert stores.models_of("ollama", {"HOME": str(tmp_path)}) == []


def test_hugging_faces_cache_is_read_by_its_links(tmp_path: Path) -> None:
    hugging_face(tmp_path, "o/r", {"m-Q8_0.gguf": BODY, "mmproj-F16.gguf": PROJECTOR, "README.md": b"x"})
    (found,) = stores.models_of("huggingface", {"HOME": str(tmp_path)})
    assert (found.name, found.origin) == ("m-Q8_0", "hf:o/r/m-Q8_0.gguf")
    assert [(file.kind, file.sha256) for file in found.files] == [
        ("model", sha256(BODY)),
        ("projector", sha256(PROJECTOR)),
    ]


def test_folders_of_other_programs_are_walked(tmp_path: Path) -> None:
    write(tmp_path / ".lmstudio/models/pub/repo/m.gguf", BODY)
    write(tmp_path / "elsewhere/pub_repo_m.gguf", BODY)
    write(tmp_path / "elsewhere/part-00002-of-00003.gguf", BODY)
    environ = {"HOME": str(tmp_path), "LLAMA_CACHE": str(tmp_path / "elsewhere")}
    assert [each.origin for each in stores.models_of("lmstudio", environ)] == ["lmstudio:pub/repo/m.gguf"]
    assert [each.name for each in stores.models_of("llama.cpp", environ)] == ["pub_repo_m"]


def test_directory_means_its_models_with_their_projectors(tmp_path: Path) -> None:
    write(tmp_path / "a/m.gguf", BODY)
    write(tmp_path / "a/mmproj-m.gguf", PROJECTOR)
    write(tmp_path / "b.gguf", BODY)
    write(tmp_path / ".hidden/c.gguf", BODY)
    assert [(each.name, len(each.files)) for each in among(tmp_path)] == [("m", 2), ("b", 1)]
    with pytest.raises(ModelNotFound):
        among(tmp_path / "nowhere")


# ------------------------------------------------------------------ bringing


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_file_is_not_copied_where_that_goes(inbox: Path, tmp_path: Path) -> None:
    theirs = write(tmp_path / "m.gguf", BODY)
    theirs.chmod(0o644)
    brought = bring(theirs, inbox)
    assert brought.path.read_bytes() == BODY
    shares_file = brought.path.stat().st_ino == theirs.stat().st_ino
    assert shares_file == (not brought.is_ours), brought.how


def test_file_that_others_can_write_to_is_copied_and_left_as_it_is(inbox: Path, tmp_path: Path) -> None:
    theirs = write(tmp_path / "m.gguf", BODY)
    theirs.chmod(0o664)
    brought = bring(theirs, inbox)
    assert brought.is_ours and brought.path.stat().st_ino != theirs.stat().st_ino
    assert theirs.stat().st_mode & 0o777 == 0o664


def test_copy_is_refused_where_there_is_no_room(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = write(tmp_path / "m.gguf", BODY)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(InvalidRequest, match="free some space"):
        bring(theirs, inbox, "copy")
    assert list(inbox.iterdir()) == []


def test_link_is_made_only_to_what_would_be_loaded(inbox: Path, tmp_path: Path) -> None:
    theirs = write(tmp_path / "m.gguf", BODY)
    theirs.chmod(0o666)
    with pytest.raises(NotPermitted, match="would not be loaded"):
        bring(theirs, inbox, "symlink")
    theirs.chmod(0o600)
    assert bring(theirs, inbox, "symlink").path.resolve() == theirs


# ------------------------------------------------------------------ the command


def test_model_of_another_program_is_taken_over(
    hob: CommandLine, online: RunningDaemon, tmp_path: Path, tiny_bytes: bytes
) -> None:
    blob = ollama(tmp_path, "m", "latest", tiny_bytes, b"Apache License\n")
    before = (blob.stat().st_mode, blob.stat().st_mtime_ns)
    assert json.loads(hob("import", "--from", "ollama", "--json").out)["models"][0]["name"] == "m"
    told = hob("import", "--from", "ollama", "m", "--as", "mine", "--json")
    assert told.code == 0 and json.loads(told.out)["sha256"] == sha256(tiny_bytes)
    with online.client() as client:
        (model,) = client.models()
    assert (model.name, model.license) == ("mine", "Apache License")
    assert (blob.stat().st_mode, blob.stat().st_mtime_ns) == before


def test_blob_that_is_not_what_it_is_called_is_not_taken(
    hob: CommandLine, online: RunningDaemon, tmp_path: Path, tiny_bytes: bytes
) -> None:
    blob = ollama(tmp_path, "m", "latest", tiny_bytes)
    blob.write_bytes(tiny_bytes[:-1] + b"!")
    told = hob("import", "--from", "ollama", "m")
    assert told.code == 6 and "not what its store says" in told.err
    assert not list(online.models.glob("*.gguf")) and not list(online.models.glob(".incoming/*.part"))


def test_one_bad_file_of_a_directory_does_not_keep_the_others(
    hob: CommandLine, online: RunningDaemon, tmp_path: Path, tiny_bytes: bytes
) -> None:
    write(tmp_path / "d/bad.gguf", b"<html>")
    write(tmp_path / "d/good.gguf", tiny_bytes)
    told = hob("import", str(tmp_path / "d"))
    assert told.code == 6 and "bad.gguf is no GGUF" in told.err
    assert [path.name for path in online.models.glob("*.gguf")] == ["good.gguf"]


def test_command_line_that_cannot_be_meant_is_refused(hob: CommandLine, tmp_path: Path) -> None:
    assert hob("import").code == 2
    assert hob("import", "--from", "lmstudio", "m").code == 5
    assert hob("import", str(tmp_path / "nowhere.gguf")).code == 5
    assert "no models here" in hob("import", "--from", "lmstudio").err
