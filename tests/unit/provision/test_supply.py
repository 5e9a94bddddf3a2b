"""What hob is made of: licences, and the bill of materials."""

from __future__ import annotations

import ctypes
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from provision import sbom
from provision.licences import faults, read
from provision.locks import Pinned, pinned

#: Of the schema of CycloneDX 1.6, what concerns the parts that we write.
LICENCE = {
    "type": "object",
    "required": ["expression"],
    "additionalProperties": False,
    "properties": {"expression": {}},
}
COMPONENT: dict[str, Any] = {
    "type": "object",
    "required": ["type", "name", "version", "bom-ref", "licenses"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["application", "library"]},
        "name": {"type": "string"},
        "version": {"type": "string"},
        "bom-ref": {"type": "string", "minLength": 1},
        "scope": {"enum": ["required", "optional", "excluded"]},
        "purl": {"type": "string", "pattern": r"^pkg:pypi/[a-z0-9-]+@\S+$"},
        "licenses": {"type": "array", "maxItems": 1, "items": LICENCE},
        "components": {"type": "array"},
        "properties": {"type": "array", "items": {"required": ["name", "value"]}},
    },
}
BILL = {
    "required": [
        "bomFormat",
        "specVersion",
        "serialNumber",
        "version",
        "metadata",
        "components",
        "dependencies",
    ],
    "properties": {
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "serialNumber": {"pattern": "^urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$"},
        "metadata": {"properties": {"component": COMPONENT}},
        "components": {"type": "array", "items": COMPONENT, "uniqueItems": True},
        "dependencies": {"type": "array", "items": {"required": ["ref", "dependsOn"]}},
    },
}
NEW = Pinned(name="new-thing", version="1", digests=(), locks=("dev",))


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return sbom.make(pinned(), read(), sbom.closure("hob", ("daemon", "engine")))


def component(bill: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (component for component in bill["components"] if component["name"] == name)
    assert isinstance(found, dict)
    return found


def test_every_locked_package_has_a_licence_that_is_allowed() -> None:
    assert faults(read()) == []


def test_package_without_a_licence_is_found() -> None:
    assert any("new-thing has no licence" in fault for fault in faults(read(), [*pinned(), NEW]))


@pytest.mark.parametrize(
    ("licence", "is_fine"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
    ],
)
def test_licence_that_is_not_allowed_is_found(licence: str, is_fine: bool) -> None:
    listed = replace(read(), packages={"new-thing": licence})
    assert any("is not allowed" in fault for fault in faults(listed, [NEW])) is not is_fine


def test_list_that_contradicts_a_package_is_found() -> None:
    listed = replace(read(), packages={**read().packages, "click": "MIT"})
    assert any(fault.startswith("click says that it is under BSD-3-Clause") for fault in faults(listed))


def test_bill_has_the_form_of_cyclonedx(bill: dict[str, Any]) -> None:
    jsonschema.validate(bill, BILL)


def test_bill_has_every_locked_package_and_every_dependency(bill: dict[str, Any]) -> None:
    assert {(c["name"], c["version"]) for c in bill["components"]} == {(p.name, p.version) for p in pinned()}
    references = {c["bom-ref"] for c in bill["components"]} | {"hob"}
    for dependency in bill["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= references


def test_bill_tells_what_runs_from_what_builds_and_tests(bill: dict[str, Any]) -> None:
    scopes = {
        name: component(bill, name)["scope"] for name in ("grpcio", "llama-cpp-python", "pytest", "cmake")
    }
    assert scopes == {
        "grpcio": "required",
        "llama-cpp-python": "required",
        "pytest": "excluded",
        "cmake": "excluded",
    }


def test_bill_names_no_host_and_no_path_and_is_always_the_same(bill: dict[str, Any]) -> None:
    text = str(bill)
    assert not re.search(r"https?:|\.org|\.com|/home/|/root/|/tmp/", text)
    assert bill == sbom.make(pinned(), read(), sbom.closure("hob", ("daemon", "engine")))


def test_bill_names_the_commit_of_llama_cpp_that_was_compiled(bill: dict[str, Any]) -> None:
    spec = find_spec("llama_cpp")
    assert spec is not None and spec.origin is not None
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "libggml-base.so"))
    library.ggml_commit.restype = ctypes.c_char_p
    told = library.ggml_commit().decode().removesuffix("-dirty")  # of the files that packaging adds
    (part,) = component(bill, "llama-cpp-python")["components"]
    assert part["name"] == "llama.cpp" and len(told) >= 7 and part["version"].startswith(told)
