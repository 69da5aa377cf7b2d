"""The database that an integration fills: made once, found again, never taken from another.

moto 5.2.5 ends no statement of the Data API and answers no rows of a warehouse, so a warehouse of
a few lines stands in, which keeps what the statements make of it.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from functions.reporting_database import handler as entry
from functions.reporting_database.target_database import (
    StatementError,
    Statements,
    create_target_database,
)

_CREATE = re.compile(r"""CREATE DATABASE "(.+)" FROM INTEGRATION '(.+)' DATABASE "(.+)\"""")


class Warehouse:
    """Answers as the Data API does: a statement is started, then ended, then has rows."""

    def __init__(self, *, polls: int = 2, refuses: str | None = None) -> None:
        self.integrations = {"int-1": "", "int-2": ""}
        self.databases: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self._statements: list[dict[str, Any]] = []
        self._polls, self._refuses = polls, refuses

    def execute_statement(self, **request: Any) -> dict[str, str]:
        self.asked.append(request)
        self._statements.append({"sql": request["Sql"], "polls": 0})
        return {"Id": str(len(self._statements) - 1)}

    def describe_statement(self, *, Id: str) -> dict[str, str]:  # noqa: N803 (the API's name)
        statement = self._statements[int(Id)]
        statement["polls"] += 1
        if statement["polls"] < self._polls:
            return {"Status": "STARTED"}
        if self._refuses and statement["sql"].startswith("CREATE"):
            return {"Status": "FAILED", "Error": self._refuses}
        if statement["polls"] == self._polls:
            self._run(statement["sql"])
        return {"Status": "FINISHED"}

    def get_statement_result(self, *, Id: str) -> dict[str, Any]:  # noqa: N803 (as boto3 names it)
        assert self._statements[int(Id)]["sql"].startswith("SELECT")
        return {
            "Records": [
                [{"stringValue": owner}, {"stringValue": name} if name else {"isNull": True}]
                for owner, name in self.integrations.items()
            ]
        }

    def _run(self, sql: str) -> None:
        match = re.fullmatch(
            r"CREATE DATABASE \"(.+)\" FROM INTEGRATION '(.+)' DATABASE \"(.+)\"", sql
        )
        if match:
            name, integration, source = match.groups()
            assert name not in self.databases, "the warehouse would refuse it"
            self.databases[name] = source
            self.integrations[integration] = name


def statements(warehouse: Warehouse, pauses: list[float] | None = None) -> Statements:
    return Statements(
        warehouse,
        workgroup="reports",
        secret_arn="arn:secret",
        database="reporting",
        pause=(pauses if pauses is not None else []).append,
    )


def create(warehouse: Warehouse, integration: str = "int-1", target: str = "transaction") -> str:
    return create_target_database(
        statements(warehouse),
        integration_id=integration,
        source_database="mainstay",
        target_database=target,
    )


def test_makes_the_database_from_the_integration():
    warehouse = Warehouse()
    assert create(warehouse) == "transaction"
    assert warehouse.databases == {"transaction": "mainstay"}
    assert warehouse.integrations["int-1"] == "transaction"


def test_finds_its_own_database_again_and_makes_no_second():
    warehouse = Warehouse()
    create(warehouse)
    assert create(warehouse) == "transaction"
    assert sum(request["Sql"].startswith("CREATE") for request in warehouse.asked) == 1


def test_leaves_the_database_of_another_integration_alone_and_says_what_to_do():
    warehouse = Warehouse()
    create(warehouse, "int-2")
    with pytest.raises(ValueError, match="transaction is of integration int-2; drop it"):
        create(warehouse, "int-1")
    assert warehouse.integrations == {"int-1": "", "int-2": "transaction"}


def test_asks_as_the_administrator_of_the_one_workgroup():
    warehouse = Warehouse()
    create(warehouse)
    for request in warehouse.asked:
        assert {key: request[key] for key in ("WorkgroupName", "SecretArn", "Database")} == {
            "WorkgroupName": "reports",
            "SecretArn": "arn:secret",
            "Database": "reporting",
        }


def test_fails_with_the_warehouse_s_own_reason():
    with pytest.raises(StatementError, match="CREATE DATABASE .*: integration is not active"):
        create(Warehouse(refuses="integration is not active"))


def test_waits_for_a_statement_and_gives_up_in_time():
    pauses: list[float] = []
    with pytest.raises(StatementError, match="not ended within 240 s"):
        statements(Warehouse(polls=10_000), pauses).run("SELECT 1")
    assert sum(pauses) == 240  # below the function's ten minutes


@pytest.mark.parametrize("name", ['x"; DROP DATABASE reporting; --', "", "a b"])
def test_refuses_a_name_that_could_be_a_statement(name: str):
    with pytest.raises(ValueError, match="names should be letters, digits"):
        create(Warehouse(), target=name)


def event(cloudformation: Any, kind: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/reporting/1",
        "RequestId": "unique",
        "LogicalResourceId": "Database",
        "PhysicalResourceId": "transaction",
        "ResponseURL": cloudformation.url,
        "ResourceProperties": {
            "Workgroup": "reports",
            "AdminSecret": "arn:secret",
            "Database": "reporting",
            "Integration": "arn:aws:rds:us-east-1:111122223333:integration:int-1",
            "SourceDatabase": "mainstay",
            "TargetDatabase": "transaction",
        },
    }


@pytest.mark.parametrize(("kind", "made"), [("Create", 1), ("Update", 1), ("Delete", 0)])
def test_answers_cloudformation(monkeypatch, cloudformation, kind, made):
    warehouse = Warehouse(polls=1)
    monkeypatch.setattr(entry.boto3, "client", lambda _service: warehouse)
    entry.handler(event(cloudformation, kind), None)
    answer = cloudformation.answer
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "transaction")
    assert len(warehouse.databases) == made
