"""Stands before every request: a role's session is judged, an administrator goes by.

The account's own twelve digits as access key are an administrator, and so are the roles of the
CDK's bootstrap, which deploy. Everybody else has to hold keys that were given here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

from local.emulator.extension import inside
from local.emulator.extension.access import asked, checks, judge, keeper
from local.emulator.extension.access.actions import objects
from local.emulator.extension.access.checks import Check
from local.emulator.extension.access.record import RECORD
from local.emulator.extension.apis.reading import Request
from local.iam.verdict import Principal

_actions: Any = import_module("ministack.core.iam_actions")

# Roles of `cdk bootstrap`, by which the CLI publishes and CloudFormation deploys.
_DEPLOYER = re.compile(r"arn:aws:iam::\d{12}:role/cdk-[a-z0-9]+-")


def install() -> None:
    app = inside.app
    dispatch, early, late = (
        app._dispatch_service_request,
        app._handle_pre_body_request,
        app._handle_post_body_shortcuts,
    )

    async def judged(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        request_id: str,
    ) -> Any:
        request = Request(method, path, headers, body, query)
        refused = _refused(request, request_id)
        if refused is not None:
            return refused
        return await dispatch(method, path, headers, body, query, request_id)

    async def kept(
        method: str, path: str, headers: dict[str, str], query: dict[str, Any], request_id: str
    ) -> Any:
        if path.startswith(keeper.PATH):
            return keeper.answer(method, path, query)
        return await early(method, path, headers, query, request_id)

    async def not_beside(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        request_id: str,
    ) -> Any:
        """A door of the emulator's own that leads past its services leads past nobody."""
        found = await late(method, path, headers, body, query, request_id)
        if found is not None and (who := _session(headers, query)) is not None:
            return _unknown(who, "s3", f"{method} {path} beside the services", headers, request_id)
        return found

    app._dispatch_service_request = judged
    app._handle_pre_body_request = kept
    app._handle_post_body_shortcuts = not_beside


def _access_key(headers: dict[str, str], query: dict[str, Any]) -> str:
    return inside.router.extract_access_key_id(headers, query) or ""


def _session(headers: dict[str, str], query: dict[str, Any]) -> Principal | None:
    """Return the session that a request is signed by; None for an administrator, or nobody."""
    key = _access_key(headers, query)
    if not key or re.fullmatch(r"\d{12}", key):
        return None
    found = judge.session(key)
    return None if found and _DEPLOYER.match(found.role or "") else found


def _refused(request: Request, request_id: str) -> Any:
    key = _access_key(request.headers, request.query)
    if not key or re.fullmatch(r"\d{12}", key):
        return None
    service = inside.router.detect_service(
        request.method, request.path, request.headers, _routing(request)
    )
    if (why := _no_keys(key, request)) is not None:
        return _answer(service, "", "", request.headers, request_id, why)
    who = judge.session(key)
    if who is None or _DEPLOYER.match(who.role or ""):
        return None
    try:
        judge.need(who, _needed(service, request))
    except judge.RefusedError as error:
        return _answer(service, error.action, who.name, request.headers, request_id, error)
    return None


def _no_keys(key: str, request: Request) -> str | None:
    """Return what is wrong with the keys themselves; None where nothing is."""
    session = inside.service("sts")._sessions.get(key)
    if session is None:
        return "InvalidClientTokenId"
    if time.time() > session.get("Expiration", float("inf")):
        return "ExpiredTokenException"
    given = request.headers.get("x-amz-security-token") or "".join(
        request.query.get("X-Amz-Security-Token", [])
    )
    return None if given == session["SessionToken"] else "InvalidClientTokenId"


def _needed(service: str, request: Request) -> Iterator[Check]:
    if service == "s3":
        yield from objects.checks(request._replace(query=_routing(request)))
    else:
        found = asked.read(service, request, account=inside.account(), region=inside.region())
        yield from checks.of(found)


def _routing(request: Request) -> dict[str, Any]:
    """Return the query with the form of the body beneath it, as requests are routed by."""
    kind = request.headers.get("content-type", "")
    if "x-www-form-urlencoded" not in kind:
        return request.query
    form = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
    return {**form, **request.query}


def _unknown(
    who: Principal, service: str, what: str, headers: dict[str, str], request_id: str
) -> Any:
    RECORD.unknown(who.role or who.name, what)
    if not RECORD.enforced:
        return None
    return _answer(service, "", who.name, headers, request_id, f"nobody can judge this: {what}")


def _answer(
    service: str, action: str, who: str, headers: dict[str, str], request_id: str, why: object
) -> Any:
    """Return AWS's error in the protocol of the service."""
    if why in ("InvalidClientTokenId", "ExpiredTokenException"):
        return _actions.access_denied_response(
            service, action, who, request_id, headers=headers,
            error_code=why, message="The security token included in the request is invalid.",
        )  # fmt: skip
    message = str(why)
    if service in ("logs", "ssm"):
        body = json.dumps({"__type": "AccessDeniedException", "Message": message})
        return 400, {"Content-Type": "application/x-amz-json-1.1"}, body.encode()
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    return _actions.access_denied_response(
        service, action, who, request_id, headers=headers, message=message
    )
