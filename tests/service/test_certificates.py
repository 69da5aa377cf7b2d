"""Who a database is, is verified: by the authorities in the image, and not by fewer."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.environments import ENVIRONMENTS
from local.postgres import ADMINISTRATOR, BINARIES, PostgresServers
from mainstay.database.store_access import CERTIFICATES
from service.operations.environment import nodes_of
from service.operations.node import DeclinedError

SERVICE = Path(__file__).parents[2] / "service"
AUTHORITIES = SERVICE / "certificates" / "rds.pem"
REGIONS = sorted({region.name for each in ENVIRONMENTS.values() for region in each.regions})
KINDS = ("RSA2048", "RSA4096", "ECC384")


def authorities() -> dict[str, x509.Certificate]:
    found = x509.load_pem_x509_certificates(AUTHORITIES.read_bytes())
    return {
        str(one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value): one for one in found
    }


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_of_an_environment_has_its_authorities(region):
    for kind in KINDS:
        assert f"Amazon RDS {region} Root CA {kind} G1" in authorities()


def test_each_authority_signs_itself_and_lives_for_another_year():
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365)
    for name, one in authorities().items():
        one.verify_directly_issued_by(one)
        assert one.not_valid_after_utc > soon, f"{name} expires: see service/certificates/README.md"
        assert one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_image_has_them_where_tasks_look():
    copied = f"COPY service/certificates/rds.pem {CERTIFICATES}"
    assert copied in (SERVICE / "Dockerfile").read_text().splitlines()


# ---------------------------------------------------------------------------- a server with TLS


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def signed(subject: str, key, *, by: str, with_key, ca: bool) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(with_key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """A server with a certificate of 127.0.0.1, and the file with the authority that signed it."""
    ours = ec.generate_private_key(ec.SECP256R1())
    theirs = ec.generate_private_key(ec.SECP256R1())
    root = signed("authority", ours, by="authority", with_key=ours, ca=True)
    leaf = signed("server", theirs, by="authority", with_key=ours, ca=False)
    folder = tmp_path_factory.mktemp("tls")
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    with PostgresServers() as servers:
        server = servers.start("tls")
        key = theirs.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for name, data in (
            ("server.crt", leaf.public_bytes(serialization.Encoding.PEM)),
            ("server.key", key),
        ):
            path = server.folder / name
            path.write_bytes(data)
            path.chmod(0o600)
            BINARIES.give(path)
        server.configure(ssl="on")
        server.reload()
        server.wait("SELECT current_setting('ssl') = 'on'")
        yield server, folder / "root.pem"


def variables(server, **more: str) -> dict[str, str]:
    return {
        "DATABASE_NAME": "postgres",
        "FOLLOWER_HOST": "127.0.0.1",
        "FOLLOWER_PORT": str(server.port),
        "FOLLOWER_USER": ADMINISTRATOR,
        **more,
    }


def encrypted(node) -> bool:
    with psycopg.connect(node.dsn) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        return row.fetchone() == (True,)


def test_a_database_that_its_authority_signed_is_believed(tls_server, monkeypatch):
    server, root = tls_server
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(root))
    assert encrypted(nodes_of(variables(server), None)["follower"])


def test_a_database_that_no_authority_of_amazon_signed_is_not(tls_server, monkeypatch):
    server, _ = tls_server
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(AUTHORITIES))
    node = nodes_of(variables(server), None)["follower"]
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        encrypted(node)


def test_a_node_that_signs_its_own_certificate_is_reached_beside_them(tls_server, monkeypatch):
    server, _ = tls_server
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(AUTHORITIES))
    node = nodes_of(variables(server, FOLLOWER_SSLMODE="require"), None)["follower"]
    assert encrypted(node)


def test_a_node_s_own_mode_cannot_promise_what_it_does_not_do(tls_server):
    server, _ = tls_server
    with pytest.raises(DeclinedError, match="'FOLLOWER_SSLMODE' should be one of .* leave it out"):
        nodes_of(variables(server, FOLLOWER_SSLMODE="verify-full"), None)
