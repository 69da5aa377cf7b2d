"""The OpenAPI document, made of the table of endpoints; `python -m service.openapi` prints it."""

from __future__ import annotations

import json
import re
from typing import Any

from service.api import problems
from service.api.call import Endpoint
from service.api.problems import Kind
from service.api.table import ENDPOINTS

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "errorCode", "errorSummary", "errorId"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^E[0-9]{7}$"},
        "errorCode": {"type": "string"},
        "errorSummary": {"type": "string"},
        "errorId": {"type": "string"},
        "errorCauses": {"type": "array"},
        "requestId": {"type": "string"},
    },
}
_ACCESS: dict[str, list[dict[str, list[str]]]] = {
    "none": [],
    "anyone": [],
    "session": [{"token": []}, {"cookie": []}],
    "admin": [{"token": []}, {"cookie": []}],
    "application": [{"application": []}],
}


def document(endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> dict[str, Any]:
    """OpenAPI 3.1 of these endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "mainstay, the reference identity service", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
                "application": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "security": _ACCESS[endpoint.access],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        kind = "application/x-www-form-urlencoded" if endpoint.form else "application/json"
        found["requestBody"] = {"required": True, "content": {kind: {"schema": endpoint.body}}}
    return found


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    places = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    return places + [
        {"name": name, "in": "query", "schema": schema} for name, schema in endpoint.query.items()
    ]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "done"}
    if endpoint.answer is not None:
        good["content"] = {"application/json": {"schema": endpoint.answer}}
    found = {str(endpoint.status): good}
    if endpoint.access == "none":
        if endpoint.path.startswith("/health/"):
            found["503"] = good
        return found
    kinds: list[Kind] = [problems.NOT_FOUND, problems.INTERNAL, problems.UNAVAILABLE]
    if endpoint.access in ("session", "admin"):
        kinds.append(problems.NO_SESSION)
    if endpoint.access == "admin":
        kinds.append(problems.FORBIDDEN)
    if endpoint.query:
        kinds.append(problems.INVALID)
    if endpoint.body is not None:
        kinds += [problems.MALFORMED, problems.INVALID, problems.MEDIA_TYPE, problems.TOO_LARGE]
        kinds.append(problems.TOO_MANY)
    if endpoint.writes:
        kinds.append(problems.READ_ONLY)
    for kind in (*kinds, *endpoint.problems):
        found[str(kind.status)] = {
            "description": kind.title,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    return found


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
