"""The function behind the exports: a few times a day, and each run finds what is left to do.

Environment: TABLE_ARN, BUCKET, and LOCK_DAYS, which is empty where the bucket has no Object Lock.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from functions.session_export.exports import Destination, export


def handler(_event: dict[str, Any], _context: Any) -> None:
    """Start the export of the day, and lock what has finished."""
    days = os.environ["LOCK_DAYS"]
    export(
        boto3.client("dynamodb"),
        Destination(
            s3=boto3.client("s3"),
            bucket=os.environ["BUCKET"],
            lock=timedelta(days=int(days)) if days else None,
        ),
        table_arn=os.environ["TABLE_ARN"],
        now=datetime.now(UTC),
        record=lambda decision: print(json.dumps({"session_export": decision})),
    )
