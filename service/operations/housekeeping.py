"""Does or measures what has a date, so that nobody has to remember it.

The partitions of the audit log are made and detached; how long certificates last and how old
passwords are is measured, for alarms. A schedule runs it in each Region.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.conninfo import conninfo_to_dict

from service.operations import partitions
from service.operations.lag import NAMESPACE
from service.operations.node import DatabaseNode, DeclinedError
from service.operations.operator import Operator

AUDIT_LOG = "transaction"
_SECONDS = 5
# PostgreSQL 17 documentation, "Message Formats": SSLRequest.
_TLS_PLEASE = struct.pack(">II", 8, 80_877_103)
_DAY_SECONDS = 86_400


def keep(
    operator: Operator,
    variables: Mapping[str, str],
    secrets: Any,
    *,
    now: datetime,
    keep_months: int,
) -> dict[str, Any]:
    """Keep the audit log's partitions, and return how they, certificates and passwords stand.

    `certificate_days` are those that the first certificate to expire has left, per node that has
    one of an authority; `password_days` the ages of the passwords, by their secrets. What cannot
    be asked is an entry with `error`; a copy that takes no writes has no partitions to keep.
    """
    authorities = variables.get("PGSSLROOTCERT")
    verified = {
        name: node
        for name, node in operator.nodes.items()
        if authorities and node.store and not _signs_itself(node)
    }
    return {
        "partitions": _guarded(lambda: _partitions(operator, now, keep_months)),
        "certificate_days": {
            name: _guarded(lambda node=node: days_left(node, Path(authorities or ""), now=now))
            for name, node in verified.items()
        },
        "password_days": {
            name: _guarded(lambda name=name: _age(secrets, name, now))
            for name in sorted(_secrets(variables))
        },
    }


def publish(cloudwatch: Any, report: dict[str, Any], *, environment: str) -> None:
    """Put the report into CloudWatch: the worst of each figure. What is not known is left out."""
    kept, certificates = report["partitions"], _known(report["certificate_days"])
    passwords = _known(report["password_days"])
    figures: dict[str, float] = {}
    if "months_ahead" in kept:
        figures["AuditMonthsAhead"] = kept["months_ahead"]
        figures["AuditDefaultRows"] = kept["default_rows"]
    # One that could not be asked is no good news: then the metric is missing, which is an alarm.
    if certificates and len(certificates) == len(report["certificate_days"]):
        figures["CertificateDaysLeft"] = min(certificates)
    if passwords and len(passwords) == len(report["password_days"]):
        figures["PasswordAgeDays"] = max(passwords)
    if figures:
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE.format(environment=environment),
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "Environment", "Value": environment}],
                    "Value": float(value),
                    "Unit": "Count",
                }
                for name, value in figures.items()
            ],
        )


def days_left(node: DatabaseNode, authorities: Path, *, now: datetime) -> float:
    """Return the days until the first certificate between a node and its authority expires.

    Raises ssl.SSLError where it expired already, or is of no authority in the file.
    """
    context = ssl.create_default_context(cafile=str(authorities))
    with socket.create_connection((node.host, node.port), timeout=_SECONDS) as plain:
        plain.sendall(_TLS_PLEASE)
        if plain.recv(1) != b"S":
            raise DeclinedError(f"{node.name} speaks no TLS")
        with context.wrap_socket(plain, server_hostname=node.host) as encrypted:
            certificate: Any = encrypted.getpeercert()
    by_subject: dict[Any, Any] = {each["subject"]: each for each in context.get_ca_certs()}
    expires, seen = [], set()
    while certificate is not None and certificate["serialNumber"] not in seen:
        seen.add(certificate["serialNumber"])
        expires.append(ssl.cert_time_to_seconds(certificate["notAfter"]))
        certificate = by_subject.get(certificate["issuer"])
    return round((min(expires) - now.timestamp()) / _DAY_SECONDS, 1)


def _partitions(operator: Operator, now: datetime, keep_months: int) -> dict[str, Any]:
    operator.node(AUDIT_LOG)
    session = operator.on(AUDIT_LOG)
    if session.value("SELECT pg_is_in_recovery()"):
        return {"standby": True}
    today = now.astimezone(UTC).date()
    made = partitions.make_partitions(operator, AUDIT_LOG, today=today)
    detached = partitions.detach_partitions(
        operator, AUDIT_LOG, today=today, keep_months=keep_months
    )
    return {"made": made, "detached": detached, **partitions.state(session, today=today)}


def _signs_itself(node: DatabaseNode) -> bool:
    return conninfo_to_dict(node.dsn).get("sslmode") is not None


def _secrets(variables: Mapping[str, str]) -> set[str]:
    """Return the names of the secrets that operations read passwords from."""
    prefixes = [name.removesuffix("HOST") for name in variables if name.endswith("_HOST")]
    wanted = [*(f"{prefix}SECRET" for prefix in prefixes), "REPLICATION_SECRET"]
    return {variables[name] for name in wanted if name in variables}


def _age(secrets: Any, name: str, now: datetime) -> float:
    created = secrets.get_secret_value(SecretId=name)["CreatedDate"]
    return round((now - created).total_seconds() / _DAY_SECONDS, 1)


def _guarded(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (psycopg.OperationalError, OSError, DeclinedError, BotoCoreError, ClientError) as error:
        return {"error": str(error).splitlines()[0]}


def _known(figures: dict[str, Any]) -> list[float]:
    return [each for each in figures.values() if not isinstance(each, dict)]
