"""The answer that CloudFormation waits for at the request's pre-signed URL."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

# CloudFormation refuses answers above 4,096 bytes (Custom resource response objects); the ids
# beside the reason may take 1,500 bytes.
_REASON_MAX_BYTES = 2_500
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 10

Outcome = tuple[str, dict[str, str]]  # physical resource id, attributes


def reply_with(event: dict[str, Any], work: Callable[[], Outcome]) -> None:
    """Run `work` and report its outcome, or its failure, to CloudFormation.

    A failure is answered, never raised: an unanswered request keeps a stack waiting for an hour.
    """
    answer = {
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    try:
        physical_id, attributes = work()
        answer |= {"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": attributes}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        print(json.dumps({"failed": event["LogicalResourceId"], "error": reason}))
        # On a failed creation CloudFormation deletes the id given here; the logical one is none
        # of ours, so that deletion finds nothing to do.
        physical_id = event.get("PhysicalResourceId", event["LogicalResourceId"])
        answer |= {
            "Status": "FAILED",
            "PhysicalResourceId": physical_id,
            "Reason": _cut(reason),
        }
    _put(event["ResponseURL"], json.dumps(answer, ensure_ascii=False).encode())


def _cut(reason: str) -> str:
    """Return as much of the beginning as fits, counted in bytes of JSON."""
    size = 0
    for at, character in enumerate(reason):
        size += len(json.dumps(character, ensure_ascii=False).encode()) - 2  # without its quotes
        if size > _REASON_MAX_BYTES:
            return reason[:at]
    return reason


def _put(url: str, body: bytes) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        request = urllib.request.Request(url, data=body, method="PUT")
        request.add_header("Content-Type", "")  # the URL is signed for an empty one
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):
                return
        except OSError:
            if attempt == _ATTEMPTS:
                raise
