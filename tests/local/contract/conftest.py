"""One emulator for all of the contract, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local import process
from local.emulator.server import Emulator
from local.waiting import free_port
from tests.local.contract.deployment import ACCOUNT


def clients(endpoint: str) -> Callable[..., Any]:
    """`aws("ec2")`, `aws("kms", "us-west-2")`: boto3 clients, made once each."""

    @cache
    def aws(service: str, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",
            config=Config(
                retries={"total_max_attempts": 1},
                inject_host_prefix=False,
                s3={"addressing_style": "path"},
            ),
        )

    return aws


@contextmanager
def running_emulator(folder: Path, *, permissions: str = "enforce") -> Iterator[Emulator]:
    """Yield an emulator of its own, which ends with the block."""
    started = Emulator(folder=folder, port=free_port(), account=ACCOUNT, permissions=permissions)
    try:
        started.start()
        yield started
    finally:
        process.end_all(folder)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator"), permissions="record") as started:
        yield started


@pytest.fixture(scope="session")
def aws(emulator: Emulator) -> Callable[..., Any]:
    return clients(emulator.endpoint)
