"""Manifests of registries."""

from __future__ import annotations

from typing import Any

import pytest
from hob_client.errors import HobError, ModelUnusable
from hob_client.shelf.manifest import digest_of, layers, only_manifest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub import layer

MODEL = layer("application/vnd.ollama.image.model", b"m")


@pytest.mark.parametrize(
    ("media_type", "title", "kind"),
    [
        ("application/vnd.ollama.image.projector", "", "projector"),
        ("application/vnd.docker.ai.license", "LICENSE", "license"),
        ("application/octet-stream", "mmproj-a.gguf", "projector"),
        ("application/vnd.ollama.image.template", "", ""),
    ],
)
def test_layer_is_told_by_its_type_else_by_its_title(media_type: str, title: str, kind: str) -> None:
    assert [each.kind for each in layers({"layers": [MODEL, layer(media_type, b"x", title)]})] == [
        "model",
        kind,
    ]


@pytest.mark.parametrize(
    "text", ["sha256:12", "sha256:" + "g" * 64, "../" + "a" * 64, "sha512:" + "a" * 64, 3]
)
def test_digest_that_is_none_is_refused(text: object) -> None:
    with pytest.raises(ModelUnusable, match="no SHA-256"):
        digest_of(text)


@pytest.mark.parametrize("listed", [[], [MODEL, MODEL], [layer("x/y", b"")], [MODEL] * 200])
def test_manifest_without_one_model_is_refused(listed: list[Any]) -> None:
    with pytest.raises(ModelUnusable):
        layers({"layers": listed})


@pytest.mark.parametrize("size", [-1, True, "1", 1 << 50, None])
def test_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(ModelUnusable, match="size"):
        layers({"layers": [{**MODEL, "size": size}]})


def test_index_of_several_wants_one_named() -> None:
    assert only_manifest({"manifests": [{"digest": "sha256:" + "a" * 64}]}) == "a" * 64
    with pytest.raises(ModelUnusable, match="by its digest"):
        only_manifest({"manifests": [{}, {}]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["layers", "digest", "size"]), inner)
    ),
)


@given(json_values)
def test_whatever_a_registry_says_is_layers_or_a_sentence(manifest: object) -> None:
    try:
        found = layers(manifest)
    except HobError:
        return
    assert all(len(each.sha256) == 64 for each in found)
