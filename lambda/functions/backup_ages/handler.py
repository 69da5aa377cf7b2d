"""The function behind the ages.

Environment: ARCHIVE_BUCKET, DUMP_BUCKET, and METRICS, the namespace of the ages.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import boto3

from functions.backup_ages.newest import (
    metric_data,
    newest_archives,
    newest_dumps,
    newest_export,
    newest_proofs,
)


def handler(_event: dict[str, Any], _context: Any) -> None:
    """Look at both buckets and publish."""
    archive, dump = os.environ["ARCHIVE_BUCKET"], os.environ["DUMP_BUCKET"]
    s3, now = boto3.client("s3"), datetime.now(UTC)
    data = [
        *metric_data("ArchiveAge", newest_archives(s3, archive), now),
        *metric_data("ArchiveProofAge", newest_proofs(s3, archive), now),
        *metric_data("DumpAge", newest_dumps(s3, dump), now),
        *metric_data("DumpAge", newest_export(s3, dump), now),
        *metric_data("DumpProofAge", newest_proofs(s3, dump), now),
    ]
    ages = {f"{one['MetricName']} {one['Dimensions'][0]['Value']}": one["Value"] for one in data}
    print(json.dumps({"backup_ages": ages}))
    if data:
        boto3.client("cloudwatch").put_metric_data(Namespace=os.environ["METRICS"], MetricData=data)
