"""Asks the new half alone, before it has any traffic, and logs in on it as the canary.

Variables: those of service.operations.half_client, and

TEST_HALF      the half
UPGRADE_CLASS  the release's: in one that is breaking writes are refused now, else none is
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.operations.half_client import HalfClient
from service.operations.logins import CanaryClient
from service.operations.node import DeclinedError
from service.schema_version import spoken


def smoke(variables: Mapping[str, str], password: str) -> dict[str, Any]:
    """Return readiness; DeclinedError for the first answer that is not the new release's."""
    half = variables["TEST_HALF"]
    refuses = variables.get("UPGRADE_CLASS", "breaking") == "breaking"
    client = HalfClient(variables, half=half)
    ready = client.ask("GET", "/health/ready")
    wanted = {
        "half": half,
        "mode": "READ_ONLY" if refuses else "READ_WRITE",
        "schema_version": {store: spoken(store) for store in ("entity", "transaction")},
    }
    found = {name: ready.body.get(name) for name in wanted}
    if ready.status != 200 or found != wanted:
        raise DeclinedError(
            f"readiness should be 200 with {wanted}, got {ready.status} with {found}"
        )
    can = client.ask("GET", "/health/login")
    if can.status != 200:
        raise DeclinedError(f"no login can succeed: {can.status} {dict(can.body)}")
    if wrong := CanaryClient(variables, password, half=half).log_in().wrong:
        raise DeclinedError(
            f"the canary cannot log in: {wrong}; `mainstay database canary` sets its password"
        )
    if refuses:
        _require_refused(client)
    return dict(ready.body)


def _require_refused(client: HalfClient) -> None:
    write = client.ask("POST", "/api/v1/users", {})
    code = write.body.get("errorCode") or write.body.get("code")
    if write.status != 503 or code != "E0000010" or "retry-after" not in write.headers:
        raise DeclinedError(
            f"a write should be refused as read-only, got {write.status} {dict(write.body)}"
        )
