"""The catalog shows what lies in the directory now, and one damaged model hides no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hobd.errors import InvalidRequest, ModelNotFound, ModelUnusable
from hobd.store.catalog import Catalog, Entry

DIGEST = "ab" * 32


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A directory with two models; one has a sidecar."""
    add(
        tmp_path / "smollm2-135m-instruct.gguf",
        aliases='["smollm2", "Tiny"]',
        sha256=f'"{DIGEST}"',
        license='"MIT"',
        draft='"gemma"',
    )
    add(tmp_path / "other" / "gemma3-270m.gguf")
    return tmp_path


def add(path: Path, content: bytes = b"GGUF", **sidecar: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if sidecar:
        path.with_suffix(".toml").write_text("".join(f"{key} = {value}\n" for key, value in sidecar.items()))
    return path


def scanned(directory: Path) -> Catalog:
    catalog = Catalog(directory)
    catalog.scan()
    return catalog


def names(catalog: Catalog) -> list[str]:
    catalog.scan()
    return [entry.name for entry in catalog.entries()]


def problem(directory: Path, name: str) -> str:
    with pytest.raises(ModelUnusable) as caught:
        scanned(directory).resolve(name)
    assert caught.value.model == name
    return caught.value.message


def test_models_lie_in_the_directory_and_one_level_below(models: Path) -> None:
    (models / "other" / "deeper").mkdir()
    add(models / "other" / "deeper" / "hidden.gguf")
    assert names(Catalog(models)) == ["gemma3-270m", "smollm2-135m-instruct"]


def test_adapters_lie_in_a_folder_beside_their_model_and_are_no_models(models: Path) -> None:
    add(models / "smollm2-135m-instruct.adapters" / "story.gguf", sha256=f'"{DIGEST}"')
    add(models / "smollm2-135m-instruct.adapters" / "poem.gguf", b"")
    add(models / "other" / "gemma3-270m.adapters" / "story.gguf")
    add(models / "gone.adapters" / "story.gguf")
    catalog = scanned(models)
    assert names(catalog) == ["gemma3-270m", "smollm2-135m-instruct"]
    poem, story = catalog.resolve("smollm2").adapters
    assert poem.problem is not None and story.sha256 == DIGEST
    assert [adapter.name for adapter in catalog.resolve("gemma3-270m").adapters] == ["story"]


def test_projector_stands_beside_its_model_and_is_no_model(models: Path) -> None:
    add(models / "smollm2-135m-instruct.mmproj.gguf", sha256=f'"{DIGEST}"')
    add(models / "other" / "mmproj-gemma3-270m.gguf", b"")
    catalog = Catalog(models)
    assert names(catalog) == ["gemma3-270m", "smollm2-135m-instruct"]
    eye, empty = (catalog.resolve(name).projector for name in ("smollm2", "gemma3-270m"))
    assert eye is not None and eye.sha256 == DIGEST and eye.problem is None
    assert empty is not None and empty.problem is not None and "is empty" in empty.problem


def test_sidecar_names_a_projector_that_other_models_share_or_lack(models: Path) -> None:
    add(models / "eye.gguf")
    add(models / "one.gguf", projector='"eye.gguf"')
    add(models / "two.gguf", projector='"gone.gguf"')
    catalog = scanned(models)
    one, two = (catalog.resolve(name).projector for name in ("one", "two"))
    assert one is not None and one.path == models / "eye.gguf" and one.problem is None
    assert two is not None and two.problem is not None and "is no file" in two.problem
    assert "eye" not in names(catalog)


@pytest.mark.parametrize("name", ["../eye.gguf", "/eye.gguf", "eye.bin", ""])
def test_sidecar_names_no_projector_elsewhere(models: Path, name: str) -> None:
    add(models / "one.gguf", projector=f'"{name}"')
    assert "projector" in problem(models, "one")


def test_adapters_beyond_the_limit_cannot_be_used(models: Path) -> None:
    for number in range(66):
        add(models / "other" / "gemma3-270m.adapters" / f"{number:02}.gguf")
    adapters = scanned(models).resolve("gemma3-270m").adapters
    assert [adapter.name for adapter in adapters if adapter.problem] == ["64", "65"]


def test_an_entry_holds_what_file_and_sidecar_say(models: Path) -> None:
    path = models / "smollm2-135m-instruct.gguf"
    assert scanned(models).resolve("smollm2-135m-instruct") == Entry(
        name="smollm2-135m-instruct",
        path=path,
        aliases=("smollm2", "Tiny"),
        sha256=DIGEST,
        license="MIT",
        draft="gemma",
        size_bytes=4,
        modified_ns=path.stat().st_mtime_ns,
    )


@pytest.mark.parametrize(
    "name", ["smollm2-135m-instruct", "smollm2", "tiny", "TINY", "SmolLM2-135M-Instruct"]
)
def test_a_model_answers_to_name_and_alias_in_any_case(models: Path, name: str) -> None:
    assert scanned(models).resolve(name).name == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    "name",
    ["", "smollm", "other/gemma3-270m", "../x", "/etc/passwd", "gemma3-270m.gguf", "a\x1b[0m\n", "x" * 9999],
)
def test_nothing_else_is_a_name(models: Path, name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        scanned(models).resolve(name)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        pytest.param("smolm2", "smollm2-135m-instruct", id="near-an-alias"),
        pytest.param("gemma3-27m", "gemma3-270m", id="near-a-name"),
        pytest.param("gemma", "gemma3-270m", id="part-of-a-name"),
    ],
)
def test_a_mistyped_name_brings_suggestions(models: Path, name: str, suggested: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        scanned(models).resolve(name)
    assert caught.value.suggestions == (suggested,)
    assert caught.value.message == f'no model is called "{name}"; did you mean {suggested}?'


def test_a_name_like_no_other_brings_the_list(models: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"name gemma3-270m or smollm2-135m-instruct$"):
        scanned(models).resolve("zzz")


@pytest.mark.parametrize("directory", [".", "absent"])
def test_an_empty_catalog_says_where_models_go(tmp_path: Path, directory: str) -> None:
    catalog = scanned(tmp_path / directory)
    with pytest.raises(ModelNotFound, match=r"put a \.gguf file there") as caught:
        catalog.resolve("any")
    assert str(tmp_path / directory) in caught.value.message
    with pytest.raises(ModelNotFound, match="there are no models in"):
        catalog.default("")


def test_a_directory_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"cannot be read \(Not a directory\)"):
        scanned(add(tmp_path / "x")).resolve("any")


def test_default_is_the_configured_model(models: Path) -> None:
    assert scanned(models).default("tiny").name == "smollm2-135m-instruct"


def test_default_is_the_only_model_that_can_be_used(tmp_path: Path) -> None:
    add(tmp_path / "broken.gguf", b"")
    add(tmp_path / "one.gguf")
    assert scanned(tmp_path).default("").name == "one"


def test_default_of_several_must_be_named(models: Path) -> None:
    with pytest.raises(InvalidRequest, match="name a model: gemma3-270m or smollm2-135m-instruct"):
        scanned(models).default("")


# ------------------------------------------------------------------ changes


def test_scan_sees_a_new_a_gone_and_a_renamed_model(models: Path) -> None:
    catalog = scanned(models)
    add(models / "other" / "new.gguf")
    assert names(catalog) == ["gemma3-270m", "new", "smollm2-135m-instruct"]
    (models / "other" / "gemma3-270m.gguf").rename(models / "moved.gguf")
    (models / "smollm2-135m-instruct.gguf").unlink()
    assert names(catalog) == ["moved", "new"]


def test_scan_sees_a_file_that_grew_in_place(models: Path) -> None:
    catalog = scanned(models)
    with (models / "smollm2-135m-instruct.gguf").open("ab") as file:
        file.write(b"more")
    catalog.scan()
    assert catalog.resolve("tiny").size_bytes == 8


def test_scan_sees_an_edited_sidecar(models: Path) -> None:
    catalog = scanned(models)
    (models / "smollm2-135m-instruct.toml").write_text('aliases = ["small"]\n')
    catalog.scan()
    assert catalog.resolve("small").sha256 is None


def test_scan_without_a_change_reads_nothing_again(models: Path) -> None:
    catalog = scanned(models)
    before = catalog.resolve("tiny")
    catalog.scan()
    assert catalog.resolve("tiny") is before


# ------------------------------------------------------------------ problems


@pytest.mark.parametrize(
    ("sidecar", "words"),
    [
        pytest.param(b"sha256 = ", "is no TOML", id="syntax"),
        pytest.param(b'sha265 = "x"', "unknown field `sha265`", id="unknown-key"),
        pytest.param(b'sha256 = "ABC"', "sha256", id="no-digest"),
        pytest.param(b'aliases = "one"', "aliases", id="wrong-type"),
        pytest.param(b'aliases = ["a\\nb"]', "unprintable", id="unprintable"),
        pytest.param(b'draft = "a\\nb"', "unprintable", id="unprintable-draft"),
        pytest.param(b'license = "\xff"', "not UTF-8", id="not-utf-8"),
        pytest.param(b"a = " + b"[" * 30_000, "is no TOML", id="deep"),
        pytest.param(b"#" * 70_000, "over 64 KiB", id="long"),
    ],
)
def test_a_damaged_sidecar_refuses_its_model_and_no_other(models: Path, sidecar: bytes, words: str) -> None:
    (models / "other" / "gemma3-270m.toml").write_bytes(sidecar)
    message = problem(models, "gemma3-270m")
    assert words in message
    assert "gemma3-270m.toml" in message
    assert scanned(models).resolve("tiny").problem is None
    assert "gemma3-270m" in names(Catalog(models))


def test_a_link_out_of_the_directory_is_followed(
    models: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = add(tmp_path_factory.mktemp("big") / "target.gguf", b"GGUF and more")
    (models / "linked.gguf").symlink_to(target)
    assert scanned(models).resolve("linked").size_bytes == 13


def test_a_link_to_nowhere_is_a_problem_of_its_own(models: Path) -> None:
    (models / "gone.gguf").symlink_to(models / "nowhere")
    assert "link to none" in problem(models, "gone")


def test_a_pipe_is_no_model_and_no_sidecar(models: Path) -> None:
    os.mkfifo(models / "pipe.gguf")
    os.mkfifo(models / "other" / "gemma3-270m.toml")
    assert "is no file" in problem(models, "pipe")
    assert scanned(models).resolve("gemma3-270m").sha256 is None


def test_an_empty_file_is_a_problem(models: Path) -> None:
    add(models / "empty.gguf", b"")
    assert "is empty" in problem(models, "empty")


def test_a_part_of_a_split_model_is_a_problem(models: Path) -> None:
    add(models / "big-00002-of-00003.gguf")
    add(models / "whole-00001-of-00001.gguf")
    assert "one part" in problem(models, "big-00002-of-00003")
    assert scanned(models).resolve("whole-00001-of-00001").problem is None


def test_two_files_of_one_name_are_a_problem(models: Path) -> None:
    add(models / "GEMMA3-270m.gguf")
    assert "have one name" in problem(models, "GEMMA3-270m")


def test_an_alias_of_two_models_is_refused_and_their_names_work(models: Path) -> None:
    add(models / "another.gguf", aliases='["TINY"]')
    catalog = scanned(models)
    with pytest.raises(InvalidRequest, match="name another or smollm2-135m-instruct"):
        catalog.resolve("tiny")
    assert catalog.resolve("another").name == "another"


def test_an_alias_never_hides_a_name(models: Path) -> None:
    add(models / "tiny.gguf")
    assert scanned(models).resolve("tiny").name == "tiny"


@pytest.mark.parametrize("name", [".partial.gguf", "a\nb.gguf", "model.bin", "model.GGUF.tmp"])
def test_other_files_are_no_models(models: Path, name: str) -> None:
    add(models / name)
    assert len(scanned(models).entries()) == 2


def test_a_name_that_is_not_utf_8_is_no_model(models: Path) -> None:
    add(models / os.fsdecode(b"a\xff.gguf"))
    assert len(scanned(models).entries()) == 2
