"""Certificates of servers that clients verify by address, as they verify those of Amazon RDS."""

from __future__ import annotations

import datetime
import ipaddress
import os
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

    def __init__(self, folder: Path, servers: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._servers = servers
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mainstay databases")])
        self._own = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        (folder / FILE).write_bytes(self._own.public_bytes(serialization.Encoding.PEM))

    def settings(self, address: str, *hosts: str) -> dict[str, str]:
        """Return a server's settings for TLS with a certificate of its address, and of `hosts`."""
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
        BINARIES.give(secret)
        return {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(secret)}

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
