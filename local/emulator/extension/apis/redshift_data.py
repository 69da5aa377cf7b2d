"""Redshift's Data API, without a warehouse: what concerns integrations is kept, the rest fails.

A database made from an integration is in svv_integration afterwards; any other statement ends as
FAILED, with an error that there is no warehouse.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from local.emulator.extension.apis.server import Api, ApiError

API = Api("redshift-data")
_statements = API.store()
_databases = API.store()  # (workgroup, database) -> integration

_QUERY = re.compile(r"SELECT integration_id, target_database FROM svv_integration\s*;?", re.I)
_CREATE = re.compile(
    r"CREATE DATABASE \"?(?P<database>[\w-]+)\"? FROM INTEGRATION '(?P<integration>[\w-]+)'.*",
    re.IGNORECASE | re.DOTALL,
)


@API.operation
def execute_statement(request: dict[str, Any]) -> dict[str, Any]:
    workgroup, sql = request.get("WorkgroupName", ""), request["Sql"].strip()
    statement: dict[str, Any] = {"Id": str(uuid.uuid4()), "Status": "FINISHED", "Rows": []}
    if _QUERY.fullmatch(sql):
        owned = [(i, name) for (of, name), i in _databases.items() if of == workgroup]
        statement["Rows"] = [[{"stringValue": cell} for cell in row] for row in owned]
    elif made := _CREATE.fullmatch(sql):
        _databases[(workgroup, made["database"])] = made["integration"]
    else:
        statement |= {"Status": "FAILED", "Error": "the local target has no warehouse to run SQL"}
    _statements[statement["Id"]] = statement
    return {"Id": statement["Id"]}


@API.operation
def describe_statement(request: dict[str, Any]) -> dict[str, Any]:
    found = _found(request)
    return {
        "Id": found["Id"],
        "Status": found["Status"],
        "HasResultSet": bool(found["Rows"]),
        "Error": found.get("Error"),
    }


@API.operation
def get_statement_result(request: dict[str, Any]) -> dict[str, Any]:
    rows = _found(request)["Rows"]
    return {"Records": rows, "TotalNumRows": len(rows)}


def _found(request: dict[str, Any]) -> dict[str, Any]:
    found = _statements.get(request["Id"])
    if found is None:
        raise ApiError("ResourceNotFoundException", f"no statement '{request['Id']}'")
    return found
