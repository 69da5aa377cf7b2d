"""Certificates of servers that clients verify by name, as they verify those of Amazon RDS."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.postgres.binaries import BINARIES

FILE = "authority.pem"
_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs a certificate for each server; `authority.pem` in `folder` is what clients trust.

    The keys of servers are kept in `servers`, which their account can read; its own key nowhere.
    """

    def __init__(self, folder: Path, servers: Path, *, name: str = "mainstay databases") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._servers = servers
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = own.public_bytes(serialization.Encoding.PEM)
        (folder / FILE).write_bytes(self.certificate)

    def settings(self, address: str, *hosts: str) -> dict[str, str]:
        """Return a server's settings for TLS with a certificate of its address, and of `hosts`."""
        certificate, secret = self._issue(address, hosts)
        BINARIES.give(secret)
        return {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(secret)}

    def context(self, address: str, *hosts: str) -> ssl.SSLContext:
        """Return what terminates TLS here with a certificate of an address, and of `hosts`."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.load_cert_chain(*self._issue(address, hosts))
        return made

    def _issue(self, address: str, hosts: Iterable[str]) -> tuple[Path, Path]:
        """Return a new certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        names = [x509.IPAddress(ipaddress.ip_address(address)), *map(x509.DNSName, hosts)]
        made = (
            self._builder(name, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate, secret = (self._servers / f"{address}.{end}" for end in ("pem", "key"))
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        return certificate, secret

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 365 * _DAY)
        )
