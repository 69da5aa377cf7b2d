"""The emulator's own APIs, called over loopback: what a handler does is what a user would see."""

from __future__ import annotations

import os
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.emulator.extension import inside

_CONFIG = Config(
    retries={"total_max_attempts": 1},
    inject_host_prefix=False,
    parameter_validation=True,
    s3={"addressing_style": "path"},
    read_timeout=60,
)
_clients: dict[tuple[str, str, str], Any] = {}
_lock = threading.Lock()


def client(service: str, region: str | None = None) -> Any:
    """Return a boto3 client for the account at hand.

    `region` is the stack's where it is left out.
    """
    key = (service, inside.account(), region or inside.region())
    with _lock:  # boto3's default session is not for several threads
        if key not in _clients:
            _clients[key] = boto3.client(
                service,
                region_name=key[2],
                endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
                aws_access_key_id=key[1],  # an access key of 12 digits is the account
                aws_secret_access_key="local",
                config=_CONFIG,
            )
        return _clients[key]


def absent(error: ClientError) -> bool:
    """Return whether an API's error is that the resource does not exist."""
    code = error.response["Error"]["Code"]
    words = ("notfound", "nosuch", "notexist", "nonexist", "invaliddocument")
    return any(word in code.lower() for word in words)
