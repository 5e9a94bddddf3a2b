"""Verifies what the OpenSSF's Model Signing writes: who signed a list of files and their digests.

Must trust nothing in a signature but what one of the given keys signed, bound everything it reads, and
reach for no network. Called by broker/admission.py.

    bundle (JSON) ─┬─ verification material: which key, or a chain of certificates
                   └─ DSSE envelope ─┬─ signature over PAE(type, payload)
                                     └─ payload: in-toto statement ─┬─ subject: name, digest over all digests
                                                                    └─ predicate: resources: name, digest

The subset: bundles of v0.3, one ECDSA signature (P-256, P-384, P-521 with SHA-256, -384, -512), methods
"key" and "certificate", statements of v1 with the predicate of v1.0, the method "files", SHA-256. Keyless
signatures (they need a transparency log), shards, other digests and the compatibility forms from before 1.0
are refused by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from hobd.store.sidecar import Sha256
from hobd.store.trust import Trust, UntrustedChain, key_of_chain

T = TypeVar("T")
MAX_BUNDLE_BYTES = 4 << 20
MAX_RESOURCES = 4096
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_MAX_SIGNATURE_BYTES = 160  # DER of the largest curve
_HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


class SignatureError(Exception):
    """What is wrong with the signature, as the end of a sentence that begins with its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a trusted key vouches for: digests by the names that files had."""

    digests: dict[str, str] = field(repr=False)
    name: str  # of the model, as its signer called it
    signer: str  # the key, in words


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class _PublicKey(_Strict, frozen=True):
    hint: Annotated[str, Meta(max_length=200)] = ""
    raw_bytes: Annotated[str, Meta(max_length=4096)] = ""  # as older signers wrote it; not used
    key_details: Annotated[str, Meta(max_length=100)] = ""


class _Certificate(_Strict, frozen=True):
    raw_bytes: Annotated[bytes, Meta(max_length=16 << 10)]


class _Chain(_Strict, frozen=True):
    certificates: Annotated[list[_Certificate], Meta(min_length=1, max_length=8)]


class _Material(_Strict, frozen=True):
    public_key: _PublicKey | None = None
    x509_certificate_chain: _Chain | None = None
    certificate: Any = None  # keyless
    tlog_entries: list[Any] = []
    timestamp_verification_data: Any = None


class _Signature(_Strict, frozen=True):
    sig: Annotated[bytes, Meta(max_length=_MAX_SIGNATURE_BYTES)]
    keyid: Annotated[str, Meta(max_length=200)] = ""


class _Envelope(_Strict, frozen=True):
    payload: bytes
    payload_type: str
    signatures: Annotated[list[_Signature], Meta(min_length=1, max_length=1)]


class _Bundle(_Strict, frozen=True):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


class _Resource(msgspec.Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=4096)]
    algorithm: str
    digest: Annotated[str, Meta(max_length=200)]


class _Serialization(msgspec.Struct, frozen=True):
    method: str
    hash_type: str = "sha256"


class _Predicate(msgspec.Struct, frozen=True):
    """The format says that other fields are to be ignored."""

    serialization: _Serialization
    resources: Annotated[list[_Resource], Meta(min_length=1, max_length=MAX_RESOURCES)]


class _Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    digest: _Digest
    name: Annotated[str, Meta(max_length=4096)] = ""


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"type": "_type"}):
    type: str
    subject: Annotated[list[_Subject], Meta(min_length=1, max_length=1)]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: _Predicate = msgspec.field()


def verify_bundle(raw: bytes, trust: Trust) -> Signed:
    """What the bundle's signer vouches for. Raises SignatureError; then nothing in it is worth anything."""
    if len(raw) > MAX_BUNDLE_BYTES:
        raise SignatureError(f"has {len(raw)} bytes, more than {MAX_BUNDLE_BYTES}")
    bundle = _decoded(raw, _Bundle, "is no bundle of Model Signing")
    envelope = bundle.dsse_envelope
    if bundle.media_type != _BUNDLE or envelope.payload_type != _PAYLOAD:
        raise SignatureError("is a bundle of another kind than Model Signing's v0.3; sign it anew")
    signer = _verified_by(bundle.verification_material, envelope, trust)
    return _signed(envelope.payload, signer)


def pae(payload: bytes, payload_type: str = _PAYLOAD) -> bytes:
    """What DSSE signs: the type and the payload, neither of which can be taken for the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def hint_of(key: ec.EllipticCurvePublicKey) -> str:
    """How a bundle names a key: the digest of its PEM."""
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.PEM, info)).hexdigest()


# ------------------------------------------------------------------ who signed


def _verified_by(material: _Material, envelope: _Envelope, trust: Trust) -> str:
    """The signer, in words."""
    if material.certificate is not None or material.tlog_entries:
        raise SignatureError(
            "is keyless, which only a network could verify; sign with a key or a certificate"
        )
    if material.x509_certificate_chain is not None:
        return _verified_by_chain(material.x509_certificate_chain, envelope, trust)
    hint = material.public_key.hint if material.public_key is not None else ""
    candidates = [key for key in trust.keys if not hint or hint_of(key) == hint]
    if not candidates:
        raise SignatureError("is by a key that admission.trusted_keys does not list")
    if key := next((key for key in candidates if _is_by(key, envelope)), None):
        return f"key {hint_of(key)[:12]}"
    raise SignatureError("does not fit what it stands for: it was changed, or is by another key")


def _verified_by_chain(chain: _Chain, envelope: _Envelope, trust: Trust) -> str:
    if not trust.roots:  # nothing of it is parsed then
        raise SignatureError("is by a certificate, and admission.trusted_keys lists no root to check it with")
    try:
        key, subject = key_of_chain([each.raw_bytes for each in chain.certificates], trust.roots)
    except UntrustedChain as error:
        raise SignatureError(str(error)) from None
    if not _is_by(key, envelope):
        raise SignatureError("does not fit what it stands for: it was changed")
    return f"certificate {subject}"


def _is_by(key: ec.EllipticCurvePublicKey, envelope: _Envelope) -> bool:
    try:
        scheme = ec.ECDSA(_HASHES[key.curve.key_size])
        key.verify(envelope.signatures[0].sig, pae(envelope.payload, envelope.payload_type), scheme)
    except (InvalidSignature, KeyError):
        return False
    return True


# ------------------------------------------------------------------ what was signed


def _signed(payload: bytes, signer: str) -> Signed:
    statement = _decoded(payload, _Statement, "holds no statement of Model Signing's v1.0")
    if (statement.type, statement.predicate_type) != (_STATEMENT, _PREDICATE):
        raise SignatureError("holds another statement than one of Model Signing's v1.0; sign it anew")
    how, resources = statement.predicate.serialization, statement.predicate.resources
    if how.method != "files" or any(resource.algorithm != "sha256" for resource in resources):
        raise SignatureError("lists shards or other digests than SHA-256 of whole files; sign it anew")
    digests = {resource.name: resource.digest for resource in resources}
    if len(digests) < len(resources):
        raise SignatureError("lists a file twice")
    if _root(digests.values()) != statement.subject[0].digest.sha256:
        raise SignatureError("contradicts itself: its digest is not that of the files it lists")
    return Signed(digests=digests, name=statement.subject[0].name, signer=signer)


def _root(digests: Iterable[str]) -> str:
    try:
        return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()
    except ValueError:
        raise SignatureError("lists a digest that is none") from None


def _decoded(raw: bytes, kind: type[T], problem: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SignatureError(problem) from None
