"""The ASGI application: routes, the gate of READ_ONLY, errors, and a line of the log a request."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api import problems
from service.api.call import Answer, Call, Endpoint
from service.api.problems import ProblemError
from service.api.tenancy import caller_of, tenant_of
from service.aws import FAILURES
from service.databases import ANSWERED_ON, UnavailableError, UnknownOutcomeError
from service.log import log, log_request
from service.passwords import BusyError
from service.schema_version import SchemaVersionError

if TYPE_CHECKING:
    from service.runtime import Runtime

# A store is away: in time it answers again.
_AWAY = (UnavailableError, SchemaVersionError, TimeoutError, *FAILURES)
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}
_TAME = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def application(runtime: Runtime, endpoints: tuple[Endpoint, ...]) -> ASGIApp:
    """The whole API over a runtime, whose life the server's lifespan is."""
    paths: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    router = Router(
        [Route(path, _Path(runtime, methods)) for path, methods in paths.items()],
        redirect_slashes=False,
        default=_no_route,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await router(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(runtime, receive, send)
        else:  # a websocket: there is none here
            await send({"type": "websocket.close", "code": 1008})

    return app


class _Path:
    """One path: which endpoint a method means."""

    def __init__(self, runtime: Runtime, methods: Mapping[str, Endpoint]) -> None:
        self._runtime = runtime
        self._methods = dict(methods)
        if "GET" in self._methods:
            self._methods["HEAD"] = self._methods["GET"]
        self._allow = ", ".join(sorted({*self._methods, "OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, request_id = time.perf_counter(), _request_id(scope)
        endpoint = self._methods.get(scope["method"])
        if endpoint is None:
            problem = ProblemError(problems.NO_METHOD, (), {"Allow": self._allow})
            answer = _refusal(problem, request_id)
            if scope["method"] == "OPTIONS":
                answer = Answer(status=204, headers={"Allow": self._allow})
            await _send(answer, request_id, send)
            _tell(scope, "none", answer.status, request_id, started)
            return
        ANSWERED_ON.set(versions := set())
        call = Call(self._runtime, endpoint, scope, receive, request_id)
        answer = await _answer(call)
        await _send(answer, request_id, send)
        tenant = getattr(call, "tenant", None)
        _tell(
            scope,
            endpoint.name,
            answer.status,
            request_id,
            started,
            tenant=tenant and tenant.host,
            schema=",".join(map(str, sorted(versions))),
        )


async def _answer(call: Call) -> Answer:
    """What the endpoint answers, or the problem in its way."""
    endpoint, runtime = call.endpoint, call.runtime
    try:
        if endpoint.writes and runtime.mode.read_only:
            raise problems.read_only(runtime.mode.state.reason)
        async with asyncio.timeout(runtime.settings.longest_request_seconds):
            if endpoint.access != "none":
                call.tenant = await tenant_of(call)
            if endpoint.access in ("session", "admin"):
                call.caller = await caller_of(call)
                if endpoint.access == "admin" and call.caller.role != "ADMIN":
                    raise ProblemError(problems.FORBIDDEN)
            return await endpoint.act(call)
    except Exception as error:
        return _refusal(_problem(call, error), call.request_id)


def _problem(call: Call, error: Exception) -> ProblemError:
    """An error as clients may see it; what they may not see goes into the log by its type alone."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, BusyError):
        return ProblemError(problems.TOO_MANY, (), {"Retry-After": "2"})
    if isinstance(error, psycopg.DataError):
        return ProblemError(problems.INVALID, ("a value that the store cannot hold",))
    away = isinstance(error, _AWAY)
    log(
        "request failed",
        endpoint=call.endpoint.name,
        request_id=call.request_id,
        error=type(error).__name__,
        # Ours say what is away. Others' may quote values, and those stay out of the log.
        reason=str(error) if isinstance(error, UnavailableError) else _origin(error),
    )
    if isinstance(error, UnknownOutcomeError):
        # READ_ONLY would say that nothing was written.
        return ProblemError(problems.UNAVAILABLE, (problems.UNKNOWN,), {"Retry-After": "2"})
    if isinstance(error, UnavailableError) and call.endpoint.writes:
        return problems.read_only("no server takes writes now")
    if away:
        return ProblemError(problems.UNAVAILABLE, (), {"Retry-After": "2"})
    return ProblemError(problems.INTERNAL)


def _origin(error: Exception) -> str:
    """Where an error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


def _refusal(problem: ProblemError, request_id: str) -> Answer:
    return Answer(
        problem.body(request_id),
        status=problem.kind.status,
        headers={"Content-Type": "application/problem+json", **problem.headers},
    )


async def _send(answer: Answer, request_id: str, send: Send) -> None:
    content = b"" if answer.body is None else _ENCODE(answer.body).encode()
    headers = [(b"x-request-id", request_id.encode()), (b"cache-control", b"no-store")]
    if answer.body is not None:
        headers.append((b"content-length", str(len(content)).encode()))
        if "Content-Type" not in answer.headers:
            headers.append((b"content-type", b"application/json"))
    for name, value in answer.headers.items():
        headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _no_route(scope: Scope, receive: Receive, send: Send) -> None:
    started, request_id = time.perf_counter(), _request_id(scope)
    answer = _refusal(ProblemError(problems.NO_ROUTE), request_id)
    await _send(answer, request_id, send)
    _tell(scope, "none", answer.status, request_id, started)


def _request_id(scope: Scope) -> str:
    """The edge's, where it is tame."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _TAME.fullmatch(value):
            return value.decode()
    return secrets.token_hex(16)


def _tell(
    scope: Scope,
    endpoint: str,
    status: int,
    request_id: str,
    started: float,
    *,
    tenant: str | None = None,
    schema: str = "",
) -> None:
    """No path and no query: both can hold what a client should not have written there."""
    method = scope["method"]
    if method not in _METHODS:
        method = "other"
    log_request(
        endpoint=endpoint,
        method=method,
        status=status,
        request_id=request_id,
        tenant=tenant or "",
        schema=schema,
        milliseconds=(time.perf_counter() - started) * 1_000,
    )


async def _lifespan(runtime: Runtime, receive: Receive, send: Send) -> None:
    message: Any = await receive()
    assert message["type"] == "lifespan.startup"
    await runtime.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await runtime.stop()
    await send({"type": "lifespan.shutdown.complete"})
