"""The access log that the public load balancer writes to Amazon S3, five minutes at a time."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SLOT = timedelta(minutes=5)  # each node of a load balancer writes a file for each
# A file is there some minutes after its end; what comes later than this counts nowhere. Which
# chain answered has no part in how late a file is, so nothing is distorted.
LATENESS = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class AccessLog:
    """Where the files of one load balancer are.

    `folder` ends with the Region, as in "public/AWSLogs/111122223333/elasticloadbalancing/
    us-east-1"; `balancer` is its full name, as in "app/name/0123456789abcdef".
    """

    s3: Any
    bucket: str
    folder: str
    balancer: str

    def lines(self, end: datetime) -> Iterator[str]:
        """Yield every entry of the files whose five minutes ended at `end`, node after node."""
        for key in self._keys(end):
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]
            with gzip.open(body, "rt", encoding="utf-8", errors="replace") as file:
                yield from file

    def _keys(self, end: datetime) -> list[str]:
        """In a fixed order; the folder is named by the day of delivery, the file by its end."""
        *_, account, service, region = self.folder.split("/")
        file = "_".join((account, service, region, self.balancer.replace("/", "."), ""))
        days = dict.fromkeys((end + late).strftime("%Y/%m/%d") for late in (-SLOT, SLOT, LATENESS))
        return sorted(
            item["Key"]
            for day in days
            for page in self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.folder}/{day}/{file}{end:%Y%m%dT%H%MZ}"
            )
            for item in page.get("Contents", ())
        )


def ends(after: datetime, now: datetime) -> Iterator[datetime]:
    """Return the ends of the five-minute slots after `after` whose files should be there by
    `now`.
    """
    seconds = int(SLOT.total_seconds())
    end = datetime.fromtimestamp((int(after.timestamp()) // seconds + 1) * seconds, UTC)
    while end <= now - LATENESS:
        yield end
        end += SLOT
