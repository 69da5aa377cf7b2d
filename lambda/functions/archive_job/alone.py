"""Does every item of a small job in one function: a few gigabytes need no map.

in   what `functions.archive_job.handler.plan` returned
out  {"items": how many}
"""

from __future__ import annotations

import json
import os
from typing import Any

from functions.archive_job.handler import work
from functions.block_archive.connect import ArchiveConnection, connect


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do what is left. Raises OutOfTime when the function's limit comes first: a retry goes on."""
    _, store = connect(ArchiveConnection(bucket=os.environ["ARCHIVE_BUCKET"]))
    items = json.loads(store.get(event["items"]["key"]))
    for item in items:
        work(item, context)
    return {"items": len(items)}
