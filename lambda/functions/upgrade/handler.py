"""The function behind the states of an upgrade."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from functions.ended_task.reason import QUICKLY
from functions.upgrade.conduct import Conductor
from functions.upgrade.site import site_of

# A Region that is out of reach is known as that within a call of a state, which ends at 50 s.
_SOON = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def _client(service: str, region: str) -> Any:
    config = QUICKLY if service == "logs" else _SOON
    return boto3.client(service, region_name=region, config=config)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Perform {"action", "step", "upgrade", "execution", ...} of one state."""
    return Conductor(site_of(os.environ["SITE"], _client)).conduct(event)
