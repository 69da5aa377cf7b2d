"""The view that reports ask: all months of the audit log, in a database of our own.

An integration carries a table's partitions, each by its name, and not the table above them; and
nothing can be made in the database that it fills. So the view stands beside, late-binding, which
is the kind that may read another database and that others may be granted (Amazon Redshift Database
Developer Guide, "CREATE VIEW" and "Granting object level permissions").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

VIEW = '"public"."event"'
# What reports select and group by; a test holds them against the reports' own statement.
COLUMNS = (
    *("id", "at", "tenant_id", "actor", "kind", "outcome"),
    *("login", "role", "client", "agent", "region", "half"),
)
# The tenant of service.operations.canary; a test holds the two together.
CANARY = "00000000-0000-7000-8000-000000000001"
# As service.operations.partitions names them; a test holds the two together.
_MEMBER = re.compile(r"event_(\d{4}_\d{2}|default)")
# A table that is gone is none; one that failed stays, so that a report fails and counts no less.
_GONE = {"Deleted", "DroppedSource"}


def members(states: Iterable[tuple[str, str]]) -> list[str]:
    """Return the tables of the audit log among those of an integration, given as name and state."""
    return sorted(name for name, state in states if _MEMBER.fullmatch(name) and state not in _GONE)


def definition(database: str, tables: Iterable[str]) -> str:
    """Return the statement that makes the view of these tables, or makes it anew.

    The canary's logins are no users'.
    """
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    where = f"""WHERE CAST("tenant_id" AS varchar(36)) <> '{CANARY}'"""
    selects = [f'SELECT {columns} FROM "{database}"."public"."{name}" {where}' for name in tables]
    return f"CREATE OR REPLACE VIEW {VIEW} AS {' UNION ALL '.join(selects)} WITH NO SCHEMA BINDING"
