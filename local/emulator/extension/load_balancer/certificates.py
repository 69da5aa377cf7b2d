"""Certificates that an HTTPS listener presents, under a root of this emulator's own.

A client that trusts the root (local.emulator.load_balancers.authority) verifies them as it would
Amazon's: the names are those of the listener's certificate.
"""

from __future__ import annotations

import datetime
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.emulator.extension import inside

_FOLDER = Path(tempfile.gettempdir())
_LIFE = datetime.timedelta(days=397)
_CURVE: Any = ec.SECP256R1()
_HASH: Any = hashes.SHA256()


def prepare() -> None:
    """Write the root, so that a client finds it as soon as the emulator answers."""
    _root()


def context(arns: list[str]) -> ssl.SSLContext:
    """Return what a listener with these certificates speaks: TLS 1.2 and 1.3, HTTP/1.1."""
    acm: Any = inside.service("acm")
    names = [name for arn in arns for name in _names(_record(acm, arn))] or ["localhost"]
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(_certificate(tuple(dict.fromkeys(names))))
    return made


def _record(acm: Any, arn: str) -> dict[str, Any]:
    store = acm._certificates
    found = next((value for key, value in list(store._data.items()) if key[-1] == arn), None)
    return found or {}


def _names(record: dict[str, Any]) -> list[str]:
    names = [record.get("DomainName"), *(record.get("SubjectAlternativeNames") or ())]
    return [name for name in names if name]


@cache
def _root() -> tuple[x509.Certificate, Any]:
    key: Any = ec.generate_private_key(_CURVE)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Local target")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, _HASH)
    )
    authority = _FOLDER / "authority.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


@cache
def _certificate(names: tuple[str, ...]) -> Path:
    root, root_key = _root()
    key: Any = ec.generate_private_key(_CURVE)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    certificate = (
        _builder(subject, root.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
        .sign(root_key, _HASH)
    )
    file = _FOLDER / f"certificate-{x509.random_serial_number():x}.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


def _builder(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFE)
    )
