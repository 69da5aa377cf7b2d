"""What every request passes before and after its endpoint: mode, tenant, caller, and errors."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import psycopg
from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api import problems
from service.api.call import Call, Endpoint
from service.api.problems import ProblemError
from service.api.tenancy import application_of, caller_of, tenant_of
from service.aws import FAILURES
from service.databases import ASKER, UnavailableError, UnknownOutcomeError
from service.fair_queue import BusyError
from service.log import log
from service.passwords import WeakPasswordError
from service.runtime import Runtime
from service.schema_version import SchemaVersionError
from service.stores.entity import (
    ChangedMeanwhileError,
    LastAdministratorError,
    LoginTakenError,
    NoAdministratorError,
)

# A store is away: in time it answers again.
_AWAY = (UnavailableError, SchemaVersionError, TimeoutError, *FAILURES)
# What stores and passwords refuse; their words name no value.
_KINDS: dict[type[Exception], problems.ProblemKind] = {
    ChangedMeanwhileError: problems.CHANGED_MEANWHILE,
    LastAdministratorError: problems.LAST_ADMINISTRATOR,
    LoginTakenError: problems.TAKEN,
    NoAdministratorError: problems.FORBIDDEN,
    WeakPasswordError: problems.INVALID,
}
# Refusals that the tenant's audit log has, and how often at most that a limit was reached.
_RECORDED = (problems.FORBIDDEN, problems.NO_CLIENT, problems.LAST_ADMINISTRATOR)
_LIMITED_SECONDS = 60
_NO_WRITES = "writes are not taken now"  # an operator's reason is no client's
# Of the longest request: before the edge and the balancers give it up, which know no reason.
OWN_SHARE = 3 / 4
# Requests under way at once, in a process and of one tenant in it: what more could do is wait.
_REQUESTS_MAX, _TENANT_REQUESTS_MAX = 512, 256
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_of(endpoint: Endpoint, runtime: Runtime | None) -> type[APIRoute]:
    """Return the class of an endpoint's route; without a runtime it serves a document alone."""

    class EndpointRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()
            if runtime is None:
                return handle
            if not get_flat_params(self.dependant) and self.body_field is None:
                handle = self.endpoint  # it takes the call alone: there is nothing to read
            media_type = None
            if self.body_field is not None:
                media_type = _FORM if isinstance(self.body_field.field_info, Form) else _JSON
            return _gated(handle, endpoint, runtime, media_type)

    return EndpointRoute


def _gated(
    handle: Handler, endpoint: Endpoint, runtime: Runtime, media_type: str | None
) -> Handler:
    limited: dict[UUID, int] = {}  # when each tenant's last event of a limit was, in minutes

    async def gated(request: Request) -> Response:
        call = Call(request, runtime, endpoint)
        request_log = call.scope["request_log"]
        request_log.endpoint = endpoint.name
        try:
            if endpoint.writes and runtime.mode.read_only:
                raise problems.read_only(_NO_WRITES)
            async with asyncio.timeout(OWN_SHARE * runtime.settings.longest_request_seconds):
                if endpoint.access == "none":
                    response = await handle(call)
                else:
                    response = await _served(call, media_type, handle)
        except Exception as error:
            problem = _problem(call, error)
            if problem.kind in _RECORDED:
                await call.record("access", "refused", detail=_refusal(call, problem))
            elif isinstance(error, BusyError) and hasattr(call, "tenant"):
                now = int(time.monotonic() / _LIMITED_SECONDS)
                if limited.get(call.tenant.id) != now:
                    limited[call.tenant.id] = now
                    detail = _refusal(call, problem)
                    runtime.later(call.record("access", "limited", detail=detail))
            response = problem.response(call.request_id)
        if (tenant := getattr(call, "tenant", None)) is not None:
            request_log.tenant = tenant.host
        for name, value in call.answer_headers.items():
            response.headers[name] = value
        for cookie in call.answer_cookies:
            response.headers.append("Set-Cookie", cookie)
        response.status_code = call.answer_status or response.status_code
        return response

    return gated


def _refusal(call: Call, problem: ProblemError) -> dict[str, Any]:
    shown = {"application": str(call.shown)} if call.shown else {}
    return {"endpoint": call.endpoint.name, "problem": problem.kind.title, **shown}


async def _served(call: Call, media_type: str | None, handle: Handler) -> Response:
    """Return the endpoint's answer; BusyError where too many requests are under way."""
    places, at_once = call.runtime.places, call.endpoint.at_once
    with places.hold((None, _REQUESTS_MAX)):
        ASKER.set((None, call.client_network))
        call.tenant = await tenant_of(call)
        tenant = call.tenant.host
        ASKER.set((tenant, call.client_network))
        client = tenant, call.client_network, at_once
        with places.hold((tenant, _TENANT_REQUESTS_MAX), (client, at_once)):
            await _admit(call)
            if media_type is not None:
                await _require_body(call, media_type)
            return await handle(call)


async def _admit(call: Call) -> None:
    """Set who calls; ProblemError where the endpoint is not for them."""
    access = call.endpoint.access
    if access in ("session", "admin"):
        call.caller = await caller_of(call)
        if access == "admin" and call.caller.role != "ADMIN":
            raise ProblemError(problems.FORBIDDEN)
    if access == "application":
        call.application = await application_of(call)


async def _require_body(call: Call, media_type: str) -> None:
    """Read the body; ProblemError where it is too large or of another type."""
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise ProblemError(problems.MEDIA_TYPE, (f"should be {media_type}",))
    if not await call.body() and media_type == _JSON:
        raise ProblemError(problems.MALFORMED, ("the body is empty",))


def _problem(call: Call, error: Exception) -> ProblemError:
    """Return an error as clients may see it; the log has its type, and never a client's value."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return ProblemError(problems.INVALID, _causes(error))
    if isinstance(error, HTTPException):
        return ProblemError(problems.MALFORMED, (error.detail,))
    if kind := _KINDS.get(type(error)):
        return ProblemError(kind, tuple(map(str, error.args)))
    if isinstance(error, BusyError):
        return ProblemError(problems.TOO_MANY, (), {"Retry-After": "2"})
    if isinstance(error, psycopg.DataError):
        return ProblemError(problems.INVALID, ("a value that the store cannot hold",))
    log(
        "request failed",
        endpoint=call.endpoint.name,
        request_id=call.request_id,
        error=type(error).__name__,
        # Ours name what is away. Others' may quote values, and those stay out of the log.
        reason=str(error) if isinstance(error, UnavailableError) else _origin(error),
    )
    if isinstance(error, UnknownOutcomeError):
        # READ_ONLY would promise that nothing was written.
        return ProblemError(problems.UNAVAILABLE, (problems.UNKNOWN,), {"Retry-After": "2"})
    if isinstance(error, UnavailableError) and call.endpoint.writes:
        return problems.read_only(_NO_WRITES)
    if isinstance(error, _AWAY):
        return ProblemError(problems.UNAVAILABLE, (), {"Retry-After": "2"})
    return ProblemError(problems.INTERNAL)


def _causes(error: RequestValidationError) -> tuple[str, ...]:
    """Return what is wrong with a request, in words that name the place and no value."""
    return tuple(
        f"{'.'.join(str(part)[:64] for part in each['loc'][1:]) or 'the body'}: {each['msg']}"
        for each in error.errors()[:20]
    )


def _origin(error: Exception) -> str:
    """Return where an error was raised, as file:line."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{last.filename.rpartition('/')[2]}:{last.lineno}"
