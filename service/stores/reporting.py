"""The reporting store: counts of logins by several dimensions, in SQL that two engines speak.

In AWS the events reach Amazon Redshift by a zero-ETL integration, and are asked for through its
Data API; on one machine PostgreSQL's own table is asked. Names stand in quotes, for the warehouse
keeps their case, and every value is a named parameter.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from service.aws import FAILURES, Aws
from service.databases import Row, Servers, UnavailableError

# What a report can be grouped by: columns of the event, and the day or hour that it happened.
DIMENSIONS = ("outcome", "login", "role", "client", "agent", "region", "half", "day", "hour")
_TIMES = {"day": "date_trunc('day', \"at\")", "hour": "date_trunc('hour', \"at\")"}
GROUPS_MAX = 1_000
_DATA_API_SECONDS, _ANSWER_SECONDS = 20.0, 10.0
_PENDING = {"SUBMITTED", "PICKED", "STARTED"}


class ReportingStore(Protocol):
    """Answers a question with named parameters, `:name`, with rows of text and whole numbers."""

    async def ask(self, tenant: UUID, statement: str, values: dict[str, str]) -> list[Row]: ...


async def logins(
    store: ReportingStore,
    tenant: UUID,
    *,
    since: datetime,
    until: datetime,
    by: Sequence[str],
    where: dict[str, str],
) -> list[Row]:
    """Logins of since <= at < until by these dimensions, the largest groups first.

    `where` holds values of dimensions that are columns. Each row has the dimensions and `count`.
    """
    statement, values = _statement(by, where)
    given = {
        "tenant": str(tenant),
        "since": since.isoformat(),
        "until": until.isoformat(),
        **values,
    }
    return await store.ask(tenant, statement, given)


def _statement(by: Sequence[str], where: dict[str, str]) -> tuple[str, dict[str, str]]:
    columns = [_TIMES.get(name, f'"{name}"') for name in by]
    shown = [
        f'CAST({column} AS varchar(64)) AS "{name}"' if name in _TIMES else column
        for name, column in zip(by, columns, strict=True)
    ]
    conditions = "".join(f' AND "{name}" = :where_{name}' for name in where)
    positions = ", ".join(str(number) for number in range(1, len(by) + 1))
    listed = ", ".join([*shown, 'count(*) AS "count"'])
    grouped = f' GROUP BY {positions} ORDER BY "count" DESC, {positions}' if by else ""
    statement = f"""
        SELECT {listed} FROM "public"."event"
        WHERE CAST("tenant_id" AS varchar(36)) = :tenant AND "kind" = 'login'
        AND "at" >= CAST(:since AS timestamp with time zone)
        AND "at" < CAST(:until AS timestamp with time zone){conditions}{grouped}
        LIMIT {GROUPS_MAX}"""
    return statement, {f"where_{name}": value for name, value in where.items()}


class PostgresReporting:
    """The reports of one machine, from the transaction store's own table."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers

    async def ask(self, tenant: UUID, statement: str, values: dict[str, str]) -> list[Row]:
        names: list[str] = []

        def mark(match: re.Match[str]) -> str:
            names.append(match[1])
            return "%s"

        text = re.sub(r"(?<!:):([a-z_]+)", mark, statement)
        return await self.servers.ask(
            {"app.tenant": str(tenant)}, text, [values[name] for name in names]
        )


class RedshiftReporting:
    """The reports of a Redshift Serverless workgroup, through the Data API."""

    def __init__(self, aws: Aws, *, workgroup: str, database: str) -> None:
        self._call = partial(aws.call, "redshift-data", seconds=_ANSWER_SECONDS)
        self._where: dict[str, Any] = {"WorkgroupName": workgroup, "Database": database}

    async def ask(self, tenant: UUID, statement: str, values: dict[str, str]) -> list[Row]:
        try:
            return await self._asked(statement, values)
        except FAILURES as error:
            raise UnavailableError(f"the warehouse does not answer: {error}") from error

    async def _asked(self, statement: str, values: dict[str, str]) -> list[Row]:
        parameters = [{"name": name, "value": value} for name, value in values.items()]
        sent = await self._call(
            "ExecuteStatement", Sql=statement, Parameters=parameters, **self._where
        )
        deadline, pause = time.monotonic() + _DATA_API_SECONDS, 0.1
        while True:
            state = await self._call("DescribeStatement", Id=sent["Id"])
            if state["Status"] == "FINISHED":
                break
            if state["Status"] not in _PENDING or time.monotonic() > deadline:
                raise UnavailableError(f"the warehouse: {state.get('Error', state['Status'])}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
        rows: list[Row] = []
        more: dict[str, Any] = {}
        while True:
            page = await self._call("GetStatementResult", Id=sent["Id"], **more)
            names = [column["name"] for column in page["ColumnMetadata"]]
            rows.extend(
                dict(zip(names, map(_cell, record), strict=True)) for record in page["Records"]
            )
            if not page.get("NextToken"):
                return rows
            more = {"NextToken": page["NextToken"]}


def _cell(cell: dict[str, Any]) -> Any:
    return None if cell.get("isNull") else next(iter(cell.values()))
