"""Signatures of Model Signing count if a key or root that the user named made them, for just this file."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hobd.store.signature import MAX_RESOURCES, SignatureError, pae, verify_bundle
from hobd.store.signed_files import judge
from hobd.store.trust import Trust, TrustError, read_trust
from hypothesis import given
from hypothesis import strategies as st

from tests.signing import (
    bundle,
    certificate,
    new_key,
    sign,
    sign_file,
    statement,
    write_certificate,
    write_key,
)

KEY, STRANGER, ROOT, MIDDLE = (new_key() for _ in range(4))
A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
TRUST = Trust(keys=(STRANGER.public_key(), KEY.public_key()))
ROOT_CERTIFICATE = certificate(ROOT, "root", is_ca=True)
UNDER_ROOT = Trust(roots=(ROOT_CERTIFICATE,))


def refusal(raw: bytes | Any, trust: Trust = TRUST) -> str:
    with pytest.raises(SignatureError) as caught:
        verify_bundle(raw if isinstance(raw, bytes) else json.dumps(raw).encode(), trust)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200
    return str(caught.value)


def test_what_is_signed_is_told_to_the_byte() -> None:
    assert pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"  # as the protocol's own example
    )


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name)
def test_a_trusted_key_vouches_for_what_it_signed(curve: ec.EllipticCurve) -> None:
    key = new_key(curve)
    signed = verify_bundle(sign(key, {"a.gguf": A, "b": B}), Trust(keys=(key.public_key(),)))
    assert signed.digests == {"a.gguf": A, "b": B} and signed.signer.startswith("key ")


def test_a_bundle_without_a_hint_is_tried_with_every_key() -> None:
    assert verify_bundle(sign(KEY, {"a": A}, hint=""), TRUST).digests == {"a": A}


def test_other_fields_of_the_predicate_are_ignored_as_the_format_says() -> None:
    said = statement({"a": A})
    said["predicate"]["licence"] = "any"
    assert verify_bundle(json.dumps(bundle(KEY, said)).encode(), TRUST).digests == {"a": A}


def whole() -> dict[str, Any]:
    return bundle(KEY, statement({"a": A}))


def with_envelope(**changes: Any) -> dict[str, Any]:
    changed = whole()
    changed["dsseEnvelope"] |= changes
    return changed


def with_material(**material: Any) -> dict[str, Any]:
    return whole() | {"verificationMaterial": material}


HOSTILE: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "is no bundle"),
    "text": (b"\xff", "is no bundle"),
    "nested for ever": (b"[" * 100_000, "is no bundle"),
    "too long": (b" " * (5 << 20), "more than 4194304"),
    "another bundle": (whole() | {"mediaType": "application/x"}, "of another kind"),
    "an unknown field": (whole() | {"more": 1}, "is no bundle"),
    "another payload": (with_envelope(payloadType="text/plain"), "of another kind"),
    "no signature": (with_envelope(signatures=[]), "is no bundle"),
    "two signatures": (with_envelope(signatures=whole()["dsseEnvelope"]["signatures"] * 2), "is no bundle"),
    "a payload that is not base64": (with_envelope(payload="*"), "is no bundle"),
    "another payload under the signature": (
        with_envelope(payload=bundle(KEY, statement({"a": B}))["dsseEnvelope"]["payload"]),
        "it was changed, or is by another key",
    ),
    "noise as signature": (with_envelope(signatures=[{"sig": "AAAA"}]), "it was changed"),
    "a stranger": (bundle(new_key(), statement({"a": A})), "by a key that admission.trusted_keys does not"),
    "a stranger with our hint": (
        bundle(STRANGER, statement({"a": A}), hint=whole()["verificationMaterial"]["publicKey"]["hint"]),
        "by another key",
    ),
    "keyless": (with_material(certificate={"rawBytes": "AAAA"}), "is keyless"),
    "transparency log": (with_material(publicKey={"hint": ""}, tlogEntries=[{}]), "is keyless"),
    "certificate without roots": (
        with_material(x509CertificateChain={"certificates": [{"rawBytes": "AAAA"}]}),
        "lists no root",
    ),
    "another statement": (
        bundle(KEY, statement({"a": A}, predicateType="https://x/v1")),
        "another statement",
    ),
    "another type": (bundle(KEY, statement({"a": A}, _type="x")), "another statement"),
    "two subjects": (bundle(KEY, statement({"a": A}, subject=[{}, {}])), "holds no statement"),
    "shards": (bundle(KEY, statement({"a": A}, serialization={"method": "shards"})), "lists shards"),
    "another digest": (
        bundle(KEY, statement({"a": A}, resources=[{"name": "a", "algorithm": "blake3", "digest": A}])),
        "other digests than SHA-256",
    ),
    "a digest that is none": (
        bundle(KEY, statement({"a": A}, resources=[{"name": "a", "algorithm": "sha256", "digest": "xx"}])),
        "a digest that is none",
    ),
    "one file twice": (
        bundle(KEY, statement({"a": A}, resources=statement({"a": A})["predicate"]["resources"] * 2)),
        "lists a file twice",
    ),
    "another root digest": (
        bundle(KEY, statement({"a": A}, subject=[{"name": "m", "digest": {"sha256": B}}])),
        "contradicts itself",
    ),
    "too many files": (bundle(KEY, statement({str(n): A for n in range(MAX_RESOURCES + 1)})), "no statement"),
    "no file": (bundle(KEY, statement({})), "no statement"),
}


@pytest.mark.parametrize(("raw", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_signature_of_a_trusted_key_is_refused(raw: Any, words: str) -> None:
    assert words in refusal(raw)


@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_no_changed_byte_makes_another_file_signed(place: int, byte: int) -> None:
    raw = bytearray(sign(KEY, {"a": A}))
    raw[place % len(raw)] = byte
    try:
        assert verify_bundle(bytes(raw), TRUST).digests == {"a": A}
    except SignatureError:
        pass


# ---------------------------------------------------------------------- certificates


def chained(*chain: x509.Certificate, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return sign(key, {"a": A}, chain=chain)


LEAF = certificate(KEY, "ann", (ROOT, "root"))
MIDDLE_CA = certificate(MIDDLE, "middle", (ROOT, "root"), is_ca=True)


@pytest.mark.parametrize(
    "chain",
    [(LEAF,), (LEAF, ROOT_CERTIFICATE), (certificate(KEY, "ann", (MIDDLE, "middle")), MIDDLE_CA)],
    ids=["direct", "root sent along", "by an issuer in between"],
)
def test_a_certificate_under_a_trusted_root_vouches(chain: tuple[x509.Certificate, ...]) -> None:
    assert verify_bundle(chained(*chain), UNDER_ROOT).signer == "certificate CN=ann"


def test_a_trusted_certificate_needs_nobody_above_it() -> None:
    own = certificate(KEY, "me")
    assert verify_bundle(chained(own), Trust(roots=(own,))).signer == "certificate CN=me"


LATE = certificate(KEY, "ann", (ROOT, "root"), born=datetime(2040, 1, 1, tzinfo=UTC))
SHORT_ROOT = certificate(ROOT, "root", is_ca=True, path_length=0)
UNTRUSTED: dict[str, tuple[tuple[x509.Certificate, ...], str]] = {
    "itself": ((certificate(KEY, "root"),), "no root"),
    "a root of its own": (
        (certificate(KEY, "ann", (STRANGER, "root")), certificate(STRANGER, "root", is_ca=True)),
        "no root",
    ),
    "by one who may not issue": (
        (certificate(KEY, "ann", (MIDDLE, "middle")), certificate(MIDDLE, "middle", (ROOT, "root"))),
        "no root",
    ),
    "link missing": ((certificate(KEY, "ann", (MIDDLE, "middle")),), "no root"),
    "after its root": ((LATE,), "no root"),
    "not for signing": ((certificate(KEY, "ann", (ROOT, "root"), can_sign=False),), "not for signing"),
    "of another key": ((certificate(STRANGER, "ann", (ROOT, "root")),), "it was changed"),
}


@pytest.mark.parametrize(("chain", "words"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_no_other_certificate_does(chain: tuple[x509.Certificate, ...], words: str) -> None:
    assert words in refusal(chained(*chain), UNDER_ROOT)


def test_a_root_that_allows_nobody_in_between_is_obeyed() -> None:
    chain = chained(certificate(KEY, "ann", (MIDDLE, "middle")), MIDDLE_CA)
    assert "no root" in refusal(chain, Trust(roots=(SHORT_ROOT,)))
    assert verify_bundle(chained(LEAF), Trust(roots=(SHORT_ROOT,)))


@given(st.binary(max_size=200))
def test_no_bytes_pass_for_a_certificate(raw: bytes) -> None:
    import base64

    material = {"certificates": [{"rawBytes": base64.b64encode(raw).decode()}]}
    assert "cannot be read" in refusal(with_material(x509CertificateChain=material), UNDER_ROOT)


# ---------------------------------------------------------------------- files


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "models" / "vendor"
    directory.mkdir(parents=True)
    (directory / "m.gguf").write_bytes(b"a")
    return directory / "m.gguf"


def state(model: Path, sha256: str = A) -> tuple[str, str]:
    verdict = judge(model, sha256, model.parents[1], TRUST)
    return verdict.state, verdict.text


def test_a_signature_beside_a_file_stands_for_it(model: Path) -> None:
    assert state(model) == ("unsigned", "no signature stands beside it")
    sign_file(KEY, model)
    assert state(model)[0] == "signed"
    assert state(model, B) == ("wrong", f"its signature {model}.sig is for another file than this one")


def test_a_file_that_was_signed_alone_is_called_a_dot(model: Path) -> None:
    model.with_name("m.gguf.sig").write_bytes(sign(KEY, {".": A}))
    assert state(model)[0] == "signed"


@pytest.mark.parametrize(("levels", "name"), [(0, "m.gguf"), (1, "vendor/m.gguf")])
def test_a_signature_of_a_directory_stands_for_what_it_lists(model: Path, levels: int, name: str) -> None:
    (model.parents[levels] / "model.sig").write_bytes(sign(KEY, {"README": B, name: A}))
    assert state(model)[0] == "signed"


def test_a_signature_above_the_models_directory_stands_for_nothing(model: Path) -> None:
    (model.parents[2] / "model.sig").write_bytes(sign(KEY, {"models/vendor/m.gguf": A}))
    assert state(model)[0] == "unsigned"


def test_a_signature_that_does_not_list_a_file_says_nothing_of_it(model: Path) -> None:
    (model.parent / "model.sig").write_bytes(sign(KEY, {"other.gguf": A}))
    assert state(model) == (
        "unsigned",
        f"no signature stands beside it; {model.parent}/model.sig does not list it",
    )


@pytest.mark.parametrize(
    "write", [lambda p: p.mkdir(), lambda p: p.write_bytes(b"{}")], ids=["folder", "junk"]
)
def test_what_stands_in_its_place_and_is_none_is_wrong(model: Path, write: Any) -> None:
    write(model.with_name("m.gguf.sig"))
    assert state(model)[0] == "wrong"


def test_trust_is_read_from_all_files_that_are_named(tmp_path: Path) -> None:
    keys = write_key(tmp_path / "keys.pem", KEY, STRANGER)
    root = write_certificate(tmp_path / "root.pem", ROOT_CERTIFICATE)
    trust = read_trust(f"{keys}:{root}")
    assert (len(trust.keys), len(trust.roots)) == (2, 1)
    assert read_trust("") == Trust()


def broken_keys(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / name for name in ("gone", "junk", "cut", "open", "curve")}
    files["junk"].write_text("hello")
    files["cut"].write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    write_key(files["open"], KEY).chmod(0o666)
    write_key(files["curve"], new_key(ec.SECP256K1()))
    return files


@pytest.mark.parametrize("name", ["gone", "junk", "cut", "open", "curve"])
def test_a_file_of_keys_that_is_none_is_told_by_name(tmp_path: Path, name: str) -> None:
    path = broken_keys(tmp_path)[name]
    with pytest.raises(TrustError, match=f"{path}"):
        read_trust(str(path))
