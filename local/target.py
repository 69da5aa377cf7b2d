"""Where the local target stands: endpoint, credentials, folder. Wrong use is refused."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

# How access keys of AWS begin (IAM User Guide, "IAM identifiers": AKIA long-term, ASIA temporary).
_REAL_KEY = re.compile(r"A(KIA|SIA)[A-Z0-9]{12,}")
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")

_SECRET = "local"


class WrongUseError(ValueError):
    """Something of the caller's is wrong; nothing was started, and the message names the fix."""


@dataclass(frozen=True, kw_only=True)
class LocalTarget:
    """An endpoint on this machine that stands for AWS.

    `account` is the 12 digits of the environment: the emulator takes an access key of 12 digits
    as the account that asks, so no credentials are needed and none are used.
    """

    endpoint: str
    account: str
    folder: Path

    def __post_init__(self) -> None:
        refuse_unless_loopback(self.endpoint)
        if not re.fullmatch(r"\d{12}", self.account):
            raise WrongUseError(f"'account' should be 12 digits, got '{self.account}'")

    def variables(self, region: str) -> dict[str, str]:
        """Return what a child's AWS clients need to find the endpoint, and nothing real."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def secret_of(self, key: str, token: str | None) -> str | None:
        """Return the secret of an access key, by which what it signed is judged; None if none."""
        return _SECRET if (key, token) == (self.account, None) else None

    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client of the endpoint; it gives up after 10 s and does not retry."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.account,
            aws_secret_access_key=_SECRET,
            aws_session_token=None,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=10,
                read_timeout=10,
                inject_host_prefix=False,
                s3={"addressing_style": "path"},
            ),
        )


def refuse_unless_loopback(endpoint: str) -> None:
    """Raise WrongUseError unless the endpoint is plain HTTP on a loopback address, with a port."""
    parts = urlsplit(endpoint)
    try:
        loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
        fits = loopback and parts.scheme == "http" and parts.port is not None
    except ValueError:
        fits = False
    if not fits:
        raise WrongUseError(
            f"'ENDPOINT' should be a loopback address with a port, such as http://127.0.0.1:4570, "
            f"got '{endpoint}'; to deploy to AWS itself: make deploy"
        )


def refuse_real_credentials(variables: Mapping[str, str] = os.environ) -> None:
    """Raise WrongUseError where the shell holds what looks like credentials of an AWS account.

    Nothing here would use them; a person who has them set may believe to be deploying to AWS.
    """
    key = variables.get("AWS_ACCESS_KEY_ID", "")
    if not _REAL_KEY.fullmatch(key):
        return
    unset = " ".join(f"-u {name}" for name in _CREDENTIALS if name in variables)
    raise WrongUseError(
        f"'AWS_ACCESS_KEY_ID' ({key[:8]}...) looks like credentials of a real account, and the "
        f"local target takes none: run `env {unset} make local`, or `make deploy` for AWS"
    )
