"""Clients of AWS by service and Region, bounded in time, and the meaning of their errors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import boto3
from botocore import exceptions
from botocore.config import Config

# A call that nobody answers ends after about half a minute, its retries included.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
)

AWS_ERRORS = (exceptions.BotoCoreError, exceptions.ClientError)

_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
)
_UNREACHABLE = (exceptions.HTTPClientError, exceptions.ConnectionError)
_REFUSED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


class AwsClients(Protocol):
    """`clients("ec2", "us-west-2")`: a boto3 client."""

    def __call__(self, service: str, region: str) -> Any: ...


def session_clients() -> AwsClients:
    """Return clients of the shell's credentials, profile and endpoint; each is made once."""
    made: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str) -> Any:
        if (service, region) not in made:
            # Here, because an unknown profile is refused as soon as a session is made.
            made[service, region] = boto3.Session().client(
                service, region_name=region, config=_CONFIG
            )
        return made[service, region]

    return client


def shell_region(variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the Region that the CDK CLI and the AWS CLI would take from the shell, or None."""
    named = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    if named:
        return named
    try:
        return boto3.Session().region_name
    except exceptions.ProfileNotFound:
        return None


def endpoint(variables: Mapping[str, str] = os.environ) -> str | None:
    """Return the endpoint that stands for AWS, or None for AWS itself."""
    return variables.get("AWS_ENDPOINT_URL") or None


def meaning(error: exceptions.BotoCoreError | exceptions.ClientError) -> str:
    """Return why a call had no answer, for the person whose credentials made it."""
    if isinstance(error, _NO_CREDENTIALS):
        return f"there are no credentials ({error})"
    if isinstance(error, exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        if code in _REFUSED:
            return f"the credentials are refused ({code})"
        if code in _DENIED:
            return f"the credentials may not call {error.operation_name}"
        return f"{error.operation_name} answered {code}: {error.response['Error'].get('Message')}"
    if isinstance(error, _UNREACHABLE):
        return f"AWS does not answer ({error})"
    return str(error)
