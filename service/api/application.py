"""The ASGI application: the endpoints of the table as routes of FastAPI, and their document.

`python -m service.api.application` prints the document.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api import problems
from service.api.call import Endpoint
from service.api.gate import route_of
from service.api.problems import Problem, ProblemError
from service.api.request_log import LoggedApplication
from service.api.table import ENDPOINTS
from service.api.tenancy import COOKIE
from service.runtime import Runtime

_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "session": [{"token": []}, {"cookie": []}],
    "admin": [{"token": []}, {"cookie": []}],
    "application": [{"application": []}],
}
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "application": {"type": "http", "scheme": "basic"},
}


def application(runtime: Runtime) -> ASGIApp:
    """Return the whole API over a runtime, which starts and stops with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        yield
        await runtime.stop()

    return LoggedApplication(_api(runtime, lifespan=lifespan))


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the table."""
    return _api(None).openapi()


def _api(runtime: Runtime | None, **more: Any) -> FastAPI:
    api = FastAPI(
        title="mainstay, the reference identity service",
        version="1",
        openapi_url=None,  # an endpoint of the table serves it
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={404: _no_route},
        **more,
    )
    for endpoint in ENDPOINTS:
        api.router.add_api_route(
            endpoint.path,
            _written(endpoint),
            methods=[endpoint.method],
            status_code=endpoint.status,
            operation_id=endpoint.name,
            summary=endpoint.summary,
            responses=_responses(endpoint),
            openapi_extra={"security": _SECURITY.get(endpoint.access, [])},
            route_class_override=route_of(endpoint, runtime),
        )
    for path in {endpoint.path for endpoint in ENDPOINTS}:
        api.router.routes.append(Route(path, _OtherMethods(path), include_in_schema=False))
    api.openapi = lambda: _document(api)
    return api


def _written(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
    """Return an endpoint's handler, which answers a model as it is: nothing checks it twice."""
    exclude_none = endpoint.access in ("application", "none")

    @wraps(endpoint.handler)
    async def handler(*values: Any, **named: Any) -> Any:
        found = await endpoint.handler(*values, **named)
        if isinstance(found, BaseModel):
            text = found.model_dump_json(by_alias=True, exclude_none=exclude_none)
            return Response(text, endpoint.status, media_type="application/json")
        if found is None:
            return Response(status_code=endpoint.status)
        return JSONResponse(found) if isinstance(found, dict) else found

    return handler


async def _no_route(request: Request, _: Exception) -> Response:
    problem = ProblemError(problems.NO_ROUTE)
    return problem.response(request.scope["request_log"].request_id)


class _OtherMethods:
    """The methods that a path does not have."""

    def __init__(self, path: str) -> None:
        methods = {endpoint.method for endpoint in ENDPOINTS if endpoint.path == path} | {"OPTIONS"}
        self._allow = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Allow": self._allow}
        response = Response(status_code=204, headers=headers)
        if scope["method"] != "OPTIONS":
            problem = ProblemError(problems.NO_METHOD, (), headers)
            response = problem.response(scope["request_log"].request_id)
        await response(scope, receive, send)


def _responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """Return the problems that an endpoint may answer, by status."""
    if endpoint.access == "none":
        return {503: {"description": "not ready"}} if "/health/" in endpoint.path else {}
    kinds = [problems.INVALID, problems.NOT_FOUND, problems.TOO_MANY, problems.INTERNAL]
    kinds += [problems.UNAVAILABLE, *endpoint.problems]
    if endpoint.access in ("session", "admin"):
        kinds.append(problems.NO_SESSION)
    if endpoint.access == "admin":
        kinds.append(problems.FORBIDDEN)
    if endpoint.method in ("POST", "PUT", "PATCH"):
        kinds += [problems.MEDIA_TYPE, problems.TOO_LARGE, problems.TOO_SLOW]
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {kind.status: {"description": kind.title, "content": content} for kind in kinds}


def _document(api: FastAPI) -> dict[str, Any]:
    if api.openapi_schema is None:
        found = get_openapi(title=api.title, version=api.version, routes=api.routes)
        for operations in found["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)  # the framework's; ours is INVALID
        components = found.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"), Problem=problem)
        components["securitySchemes"] = _SCHEMES
        api.openapi_schema = found
    return api.openapi_schema


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
