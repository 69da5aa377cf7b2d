"""Monthly partitions of the audit log, made before they are needed."""

from __future__ import annotations

from datetime import date

from psycopg import sql

from service.operations import catalog, rights
from service.operations.operator import Operator

_TABLE = "event"


def make_partitions(operator: Operator, node: str, *, today: date, months: int = 3) -> list[str]:
    """Make the partition of this month and of so many after it; returns those that were missing.

    Run it at least once a month: a row without a partition is refused.
    """
    session = operator.on(node)
    made = []
    for ahead in range(months + 1):
        first, end = _month(today, ahead), _month(today, ahead + 1)
        name = f"{_TABLE}_{first:%Y_%m}"
        if session.value("SELECT to_regclass(%s) IS NOT NULL", f"public.{name}"):
            continue
        with session.transaction():
            # PARTITION OF would lock the audit log against its writers; ATTACH does not.
            session.change(
                sql.SQL(
                    "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
                ).format(catalog.qualified(name), catalog.qualified(_TABLE))
            )
            session.change(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                    catalog.qualified(_TABLE),
                    catalog.qualified(name),
                    sql.Literal(first.isoformat()),
                    sql.Literal(end.isoformat()),
                )
            )
            # Asked directly it shows nothing: the tenants' policy stands on the table above it.
            session.change(
                sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(catalog.qualified(name))
            )
            rights.provide(session, publish=False)
        made.append(name)
    return made


def _month(today: date, ahead: int) -> date:
    months = today.year * 12 + today.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)
