"""Which task a process is, for acknowledgements."""

from __future__ import annotations

import json
import socket
import urllib.request
import uuid

from service.settings import Settings


def task_id(settings: Settings) -> str:
    """As told, or as Amazon ECS tells; elsewhere a name that no other process has."""
    if settings.task_id:
        return settings.task_id
    if settings.metadata:
        with urllib.request.urlopen(f"{settings.metadata}/task", timeout=2) as answer:  # noqa: S310
            return json.load(answer)["TaskARN"].rpartition("/")[2]
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
