"""Signs model files as the OpenSSF's Model Signing does: bundles of v0.3 by a key or a certificate.

Must write what that tool writes, by hand and not by the code under test. Called by tests of signatures.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_BORN = datetime(2026, 1, 1, tzinfo=UTC)


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, info)


def write_key(path: Path, *keys: ec.EllipticCurvePrivateKey) -> Path:
    path.write_bytes(b"".join(map(pem, keys)))
    path.chmod(0o644)
    return path


def statement(digests: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """What is signed; `changes` are of the whole, or with a name of the predicate's of that."""
    root = hashlib.sha256(b"".join(map(bytes.fromhex, digests.values()))).hexdigest()
    predicate = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": [],
        },
        "resources": [
            {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in digests.items()
        ],
    }
    inner = {key: changes.pop(key) for key in list(changes) if key in predicate}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": predicate | inner,
    } | changes


def bundle(
    key: ec.EllipticCurvePrivateKey,
    signed: Any,
    *,
    chain: Sequence[x509.Certificate] = (),
    hint: str | None = None,
) -> dict[str, Any]:
    payload = json.dumps(signed).encode()
    scheme = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.key_size]
    said = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload
    signature = key.sign(said, ec.ECDSA(scheme))
    own_hint = hashlib.sha256(pem(key)).hexdigest()
    material: dict[str, Any] = {"publicKey": {"hint": own_hint if hint is None else hint}, "tlogEntries": []}
    if chain:
        ders = [each.public_bytes(serialization.Encoding.DER) for each in chain]
        material = {"x509CertificateChain": {"certificates": [{"rawBytes": _base64(der)} for der in ders]}}
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": _base64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _base64(signature), "keyid": ""}],
        },
    }


def sign(key: ec.EllipticCurvePrivateKey, digests: Mapping[str, str], **how: Any) -> bytes:
    return json.dumps(bundle(key, statement(digests), **how)).encode()


def sign_file(key: ec.EllipticCurvePrivateKey, path: Path) -> Path:
    """Writes NAME.gguf.sig beside a file."""
    place = path.with_name(f"{path.name}.sig")
    place.write_bytes(sign(key, {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}))
    return place


def certificate(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    issuer: tuple[ec.EllipticCurvePrivateKey, str] | None = None,
    *,
    is_ca: bool = False,
    can_sign: bool = True,
    path_length: int | None = None,
    born: datetime = _BORN,
    days: int = 365,
) -> x509.Certificate:
    """Issued by `issuer` (key, name), or by itself."""
    issuer_key, issuer_name = issuer or (key, name)
    others = "content_commitment key_encipherment data_encipherment key_agreement crl_sign encipher_only"
    usage = dict.fromkeys([*others.split(), "decipher_only"], False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(born)
        .not_valid_after(born + timedelta(days=days))
        .add_extension(
            x509.BasicConstraints(ca=is_ca, path_length=path_length if is_ca else None), critical=True
        )
        .add_extension(x509.KeyUsage(digital_signature=can_sign, key_cert_sign=is_ca, **usage), critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def write_certificate(path: Path, each: x509.Certificate) -> Path:
    path.write_bytes(each.public_bytes(serialization.Encoding.PEM))
    path.chmod(0o644)
    return path


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
