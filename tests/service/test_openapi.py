"""The document, against what the service answers to whatever fits it, and to what does not."""

from __future__ import annotations

from typing import Any

import schemathesis
import schemathesis.checks
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.one_machine import DOMAIN
from service.api.application import document
from service.api.table import ENDPOINTS
from tests.service.conftest import Tenant

_SCHEMA = schemathesis.openapi.from_dict(document())
_OPERATIONS = [
    found.ok()  # pyright: ignore[reportAttributeAccessIssue] (every schema of ours is valid)
    for found in _SCHEMA.get_all_operations()
]
_CHECKS: Any = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
]
_SETTINGS = {
    "max_examples": 8,
    "deadline": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "derandomize": True,
}


def test_the_document_names_every_endpoint():
    paths = document()["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == {
        (each.method, each.path) for each in ENDPOINTS
    }


def test_every_answer_is_one_that_the_document_names(tenant: Tenant, admin: str):
    """As an administrator and as an application, with what fits the schemas."""
    checked = 0
    for operation in _OPERATIONS:
        if operation.path == "/api/v1/sessions/me" and operation.method == "delete":
            continue  # it would end the session that the others show

        @given(case=operation.as_strategy())
        @settings(**_SETTINGS)
        def ask(case: schemathesis.Case) -> None:
            nonlocal checked
            checked += 1
            headers = {"Host": f"{tenant.label}.{DOMAIN}", "Authorization": f"Bearer {admin}"}
            headers["X-Real-IP"] = f"schemathesis-{checked}"
            if case.path.startswith("/oauth2/"):
                headers |= tenant.basic()
            case.call_and_validate(
                base_url=f"http://127.0.0.1:{tenant.api.port}",
                headers=headers,
                checks=_CHECKS,
            )

        ask()
    assert checked >= len(_OPERATIONS)


@given(raw=st.binary(max_size=200), path=st.sampled_from(["authn", "users", "users/x", "logs"]))
@settings(**{**_SETTINGS, "max_examples": 60})
def test_no_bytes_make_the_service_fail(tenant: Tenant, admin: str, raw: bytes, path: str):
    method = "GET" if path == "logs" else "PUT" if "/" in path else "POST"
    headers = {"Content-Type": "application/json", "X-Real-IP": "bytes"}
    answer = tenant.ask(
        method, f"/api/v1/{path}", token=admin, headers=headers, data=raw, params={"after": raw}
    )
    assert answer.status_code < 500
