"""A request as IAM sees it: which operation of which service, and with which members."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local.emulator.extension import models
from local.emulator.extension.apis import reading

# What the emulator routes by (the signing name) -> botocore's name, where they differ.
_MODELS = {"monitoring": "cloudwatch", "states": "stepfunctions", "elasticloadbalancing": "elbv2"}
# What an action begins with, where that is neither.
_PREFIXES = {"monitoring": "cloudwatch"}

_FUNCTION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class UnknownCallError(ValueError):
    """Nobody has written down what the call needs: it is refused, never let through."""


@dataclass(frozen=True, kw_only=True)
class AskedOperation:
    """`service` is the name that requests are routed and signed by; S3 has its own, see there."""

    service: str
    operation: str
    members: dict[str, Any]
    account: str
    region: str

    @property
    def action(self) -> str:
        """Return the action of the operation's own name, which most have."""
        return f"{_PREFIXES.get(self.service, self.service)}:{self.operation}"

    def arn(self, resource: str, *, service: str | None = None) -> str:
        """Return the ARN of a resource of this account and Region."""
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"


def read(service: str, request: reading.Request, *, account: str, region: str) -> AskedOperation:
    """Return what a request of any service but S3 asks for.

    Raises UnknownCallError where its service or operation is unknown.
    """
    if service == "lambda" and (found := _FUNCTION.fullmatch(request.path)):
        operation, members = "Invoke", {"FunctionName": unquote(found[1])}
    elif target := request.headers.get("x-amz-target"):
        operation = target.rpartition(".")[2]
        members = json.loads(request.body or b"{}")
    else:
        operation, members = _by_model(service, request)
    return AskedOperation(
        service=service, operation=operation, members=members, account=account, region=region
    )


def _by_model(service: str, request: reading.Request) -> tuple[str, dict[str, Any]]:
    name = _MODELS.get(service, service)
    if name in models.names():
        model = models.service(name)
        if (found := reading.match(model, model.operation_names, request)) is not None:
            return found[0].name, found[1]
    raise UnknownCallError(f"{request.method} {request.path} of {service} is no known operation")
