"""One structured line for each decision; no secret, token or password is ever given to it."""

from __future__ import annotations

import json
import sys
from typing import Any


def log(event: str, **fields: Any) -> None:
    """Write one line of JSON to standard output."""
    sys.stdout.write(json.dumps({"event": event, **fields}, default=str) + "\n")
    sys.stdout.flush()


def log_request(
    *,
    endpoint: str,
    method: str,
    status: int,
    request_id: str,
    tenant: str,
    schema: str,
    milliseconds: float,
) -> None:
    """The line of a request, the one that is written most: of words that need no escaping.

    `schema` holds the entity store's versions as the servers told them that answered the request.
    """
    sys.stdout.write(
        f'{{"event": "request", "endpoint": "{endpoint}", "method": "{method}", '
        f'"status": {status}, "request_id": "{request_id}", "tenant": "{tenant}", '
        f'"schema": "{schema}", "ms": {milliseconds:.2f}}}\n'
    )
    sys.stdout.flush()
