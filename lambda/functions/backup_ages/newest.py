"""The newest of everything in the backups' buckets. A backup counts from when its data is of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

_SERIES_TAG = "mainstay:series"  # of a snapshot; its root in the archive has the tags
_TIME = re.compile(r"(\d{8}T\d{6})")

Newest = dict[str, datetime]


def newest_archives(s3: Any, bucket: str) -> Newest:
    """By series: when the snapshot of the newest root was taken."""
    found: Newest = {}
    for volume in _folders(s3, bucket, "manifests/"):
        key = max(_keys(s3, bucket, volume), default=None)
        if key is None:
            continue
        root = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        name = root.get("tags", {}).get(_SERIES_TAG, root["volume_id"])
        at = _time(key)
        found[name] = max(at, found.get(name, at))
    return found


def newest_dumps(s3: Any, bucket: str) -> Newest:
    """By store: of the newest dump that has a manifest. Without one it is none."""
    found: Newest = {}
    for store in _folders(s3, bucket, "dumps/"):
        whole = [key for key in _keys(s3, bucket, store) if key.endswith("/manifest.json")]
        if whole:
            found[_name(store)] = _time(max(whole))
    return found


def newest_export(s3: Any, bucket: str) -> Newest:
    """Return the day of the newest finished export of sessions."""
    days = [
        key.split("/")[1]
        for key in _keys(s3, bucket, "sessions/")
        if key.endswith("/manifest-summary.json")
    ]
    if not days:
        return {}
    return {"session": datetime.fromisoformat(max(days)).replace(tzinfo=UTC)}


def newest_proofs(s3: Any, bucket: str) -> Newest:
    """By what was restored: when the newest restore that was found right ended."""
    return {
        _name(what): _time(max(_keys(s3, bucket, what))) for what in _folders(s3, bucket, "proofs/")
    }


def metric_data(name: str, newest: Newest, now: datetime) -> list[dict[str, Any]]:
    """Ages in seconds, as CloudWatch takes them. What was never made has none: its alarm treats a
    missing age as too old."""
    return [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Of", "Value": what}],
            "Value": (now - at).total_seconds(),
            "Unit": "Seconds",
        }
        for what, at in sorted(newest.items())
    ]


def _name(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2]


def _time(key: str) -> datetime:
    (text,) = _TIME.findall(key)[-1:]
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _folders(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        yield from (one["Prefix"] for one in page.get("CommonPrefixes", ()))


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (one["Key"] for one in page.get("Contents", ()))
