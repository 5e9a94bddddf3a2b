"""Whose signatures count: public keys, and certificates that others are issued under, as files that the user
names.

Must believe no key that came with a model, and no clock: a chain is judged as of when its signing
certificate began to be valid, as Model Signing does, because nothing tells when a model was signed. So a
certificate that was stolen counts until its root is taken out of the configuration. Called by signature.py
and broker/admission.py.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hob import portable

from hobd.store.small_file import read_small

_MAX_BYTES = 64 << 10
_MAX_FILES = 32
_MAX_LINKS = 4  # of a chain, between a signer and a root
_KEY, _CERTIFICATE = b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN CERTIFICATE-----"
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


class TrustError(Exception):
    """One sentence: which file, what is wrong with it, what to do."""


class UntrustedChain(Exception):
    """Why no root vouches for a signer, as the end of a sentence that begins with the signature's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    keys: tuple[ec.EllipticCurvePublicKey, ...] = field(default=(), repr=False)
    roots: tuple[x509.Certificate, ...] = field(default=(), repr=False)


def read_trust(paths: str) -> Trust:
    """The keys and roots in files, which are separated by ":" and may begin with ~. Raises TrustError."""
    keys: list[ec.EllipticCurvePublicKey] = []
    roots: list[x509.Certificate] = []
    names = [name for name in paths.split(":") if name]
    if len(names) > _MAX_FILES:
        raise TrustError(
            f"admission.trusted_keys lists {len(names)} files, more than {_MAX_FILES}; put keys together"
        )
    for name in names:
        path = Path(os.path.expanduser(name))
        data = _read(path)
        try:
            keys += _keys(data)
            roots += x509.load_pem_x509_certificates(data) if _CERTIFICATE in data else []
        except (ValueError, UnsupportedAlgorithm):
            raise TrustError(f"{path} is no PEM of EC public keys or certificates; mend it") from None
    return Trust(keys=tuple(keys), roots=tuple(roots))


def _read(path: Path) -> bytes:
    try:
        data, status = read_small(path, _MAX_BYTES)
    except OSError as error:
        raise TrustError(f"{path} cannot be read ({error.strerror}); mend admission.trusted_keys") from None
    if status.st_uid not in (0, portable.own_euid()):
        raise TrustError(f"{path} is another user's; name a file of yours in admission.trusted_keys")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise TrustError(f"others than its owner can write to {path}; run `chmod go-w` on it")
    if len(data) > _MAX_BYTES or not (_KEY in data or _CERTIFICATE in data):
        raise TrustError(f"{path} is no PEM of public keys or certificates; mend admission.trusted_keys")
    return data


def _keys(data: bytes) -> Iterable[ec.EllipticCurvePublicKey]:
    """All of a file: the library loads one at a time."""
    for part in data.split(_KEY)[1:]:
        yield _on_a_known_curve(serialization.load_pem_public_key(_KEY + part))


def _on_a_known_curve(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ValueError("no key on a curve that Model Signing uses")
    return key


# ------------------------------------------------------------------ chains


def key_of_chain(
    chain: Sequence[bytes], roots: Sequence[x509.Certificate]
) -> tuple[ec.EllipticCurvePublicKey, str]:
    """The key and subject of the first certificate, if a root vouches for it. Raises UntrustedChain."""
    try:
        signer, *others = (x509.load_der_x509_certificate(der) for der in chain)
        _require_can_sign(signer)
        key = _on_a_known_curve(signer.public_key())
        subject = signer.subject.rfc4514_string()[:120]
        _walk(signer, others, roots)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise UntrustedChain("has a chain of certificates that cannot be read") from None
    return key, "".join(letter if letter.isprintable() else "?" for letter in subject)


def _walk(
    signer: x509.Certificate, others: list[x509.Certificate], roots: Sequence[x509.Certificate]
) -> None:
    """From the signer up, by issuers that may issue, to one of the roots."""
    moment, at = signer.not_valid_before_utc, signer
    for depth in range(_MAX_LINKS + 1):
        if any(at == root or _issued(root, at, depth, moment) for root in roots):
            return
        above = next((each for each in others if _issued(each, at, depth, moment)), None)
        if above is None:
            break
        others.remove(above)
        at = above
    raise UntrustedChain("is by a certificate that no root of admission.trusted_keys vouches for")


def _issued(issuer: x509.Certificate, subject: x509.Certificate, depth: int, moment: datetime) -> bool:
    """Whether it did, and might at that moment; `depth`: how many issuers stand below it."""
    if not issuer.not_valid_before_utc <= moment <= issuer.not_valid_after_utc:
        return False
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (constraints.path_length is not None and depth > constraints.path_length):
            return False
        subject.verify_directly_issued_by(issuer)
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        return error.oid == x509.KeyUsage.oid  # a root may say nothing of it
    except (ValueError, TypeError, InvalidSignature):
        return False
    return usage.key_cert_sign


def _require_can_sign(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise UntrustedChain("is by a certificate that does not say it is for signing") from None
    if not usage.digital_signature:
        raise UntrustedChain("is by a certificate that is not for signing")
