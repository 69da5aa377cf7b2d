"""Starts the export of a day where there is none, and locks the objects of finished ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PREFIX = "sessions"
# Written by DynamoDB when everything else is (Developer Guide, "DynamoDB table export output
# format"); locked by us when everything else is.
_SUMMARY = "manifest-summary.json"


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Names where exports go, and for how long they are locked; None where nothing is locked."""

    s3: Any
    bucket: str
    lock: timedelta | None


def export(
    dynamodb: Any, to: Destination, *, table_arn: str, now: datetime, record: Callable[..., None]
) -> None:
    """Make sure that the day of `now` has an export, and that every finished one is locked.

    A failed export of the day is started again. Called again it changes nothing.
    """
    prefix = f"{PREFIX}/{now.date().isoformat()}"
    found = list(_exports(dynamodb, table_arn))
    if to.lock is not None:
        for one in found:
            ours = one.get("S3Prefix", "").startswith(f"{PREFIX}/")
            if ours and one["S3Bucket"] == to.bucket and one["ExportStatus"] == "COMPLETED":
                _lock(to, one, until=now + to.lock, record=record)
    same = [one for one in found if one.get("S3Prefix") == prefix]
    if any(one["ExportStatus"] != "FAILED" for one in same):
        return
    started = dynamodb.export_table_to_point_in_time(
        TableArn=table_arn,
        S3Bucket=to.bucket,
        S3Prefix=prefix,
        ExportFormat="DYNAMODB_JSON",
        # Two runs at once start one export; one that failed makes room for another.
        ClientToken=hashlib.sha256(f"{table_arn} {prefix} {len(same)}".encode()).hexdigest()[:36],
    )["ExportDescription"]
    record({"started": started["ExportArn"]})


def _exports(dynamodb: Any, table_arn: str) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = dynamodb.list_exports(TableArn=table_arn, **token)
        for one in page["ExportSummaries"]:
            asked = dynamodb.describe_export(ExportArn=one["ExportArn"])
            yield asked["ExportDescription"]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _lock(
    to: Destination, one: dict[str, Any], *, until: datetime, record: Callable[..., None]
) -> None:
    folder = f"{one['S3Prefix']}/AWSDynamoDB/{one['ExportArn'].rpartition('/')[2]}/"
    pages = to.s3.get_paginator("list_objects_v2").paginate(Bucket=to.bucket, Prefix=folder)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    keys.sort(key=lambda key: (key.endswith(_SUMMARY), key))
    if not keys or _locked(to, keys[-1]):
        return
    for key in keys:
        to.s3.put_object_retention(
            Bucket=to.bucket,
            Key=key,
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
            ChecksumAlgorithm="SHA256",
        )
    record({"locked": folder, "objects": len(keys)})


def _locked(to: Destination, key: str) -> bool:
    head = to.s3.head_object(Bucket=to.bucket, Key=key)
    return head.get("ObjectLockRetainUntilDate") is not None
