"""A certificate of the gateway's own, for those who have none.

Must keep its key to its owner, and say its fingerprint, since nobody vouches for it. Called by server.py.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hob_client.errors import NotSupported

from hob_gateway.places import write_private

if TYPE_CHECKING:
    from cryptography import x509

DAYS = 397


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    certificate: str
    key: str
    fingerprint: str


def own(folder: Path, hosts: tuple[str, ...], now: datetime.datetime | None = None) -> Certificate:
    """The one in the folder if it is valid for these hosts, else a new one."""
    try:
        from cryptography import x509
    except ImportError:
        raise NotSupported(
            "a certificate cannot be made without the package cryptography; name your own with --certificate"
        ) from None
    moment = now or datetime.datetime.now(datetime.UTC)
    path, key_path = folder / "certificate.pem", folder / "key.pem"
    found = x509.load_pem_x509_certificate(path.read_bytes()) if path.is_file() else None
    if found is None or not _serves(found, hosts, moment) or not key_path.is_file():
        found = _make(path, key_path, hosts, moment)
    return Certificate(certificate=str(path), key=str(key_path), fingerprint=_fingerprint(found))


def _make(path: Path, key_path: Path, hosts: tuple[str, ...], now: datetime.datetime) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hob gateway")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    write_private(
        key_path,
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    write_private(path, made.public_bytes(pem))
    return made


def _name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return x509.DNSName(host)


def _serves(found: x509.Certificate, hosts: tuple[str, ...], now: datetime.datetime) -> bool:
    from cryptography import x509

    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return all(_name(host) in names for host in hosts) and now < found.not_valid_after_utc


def _fingerprint(found: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import hashes

    return found.fingerprint(hashes.SHA256()).hex(":").upper()
