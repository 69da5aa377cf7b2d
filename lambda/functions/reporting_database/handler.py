"""CloudFormation's side: one custom resource for the database of an integration."""

from __future__ import annotations

import time
from typing import Any

import boto3

from functions.custom_resource.reply import reply_with
from functions.reporting_database.target_database import Statements, create_target_database


def handler(event: dict[str, Any], _context: object) -> None:
    """Create and Update make the database where it is missing; Delete leaves it as it is."""

    def work() -> tuple[str, dict[str, str]]:
        if event["RequestType"] == "Delete":
            return event["PhysicalResourceId"], {}
        properties = event["ResourceProperties"]
        statements = Statements(
            boto3.client("redshift-data"),
            workgroup=properties["Workgroup"],
            secret_arn=properties["AdminSecret"],
            database=properties["Database"],
            pause=time.sleep,
        )
        name = create_target_database(
            statements,
            integration_id=properties["Integration"].rpartition(":")[2],
            source_database=properties["SourceDatabase"],
            target_database=properties["TargetDatabase"],
        )
        return name, {}

    reply_with(event, work)
