"""Health, for the internal load balancer and for DNS; neither asks the writer."""

from __future__ import annotations

from service import schema_version
from service.api.call import Answer, Call, Endpoint

_SCHEMA = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


async def ready(call: Call) -> Answer:
    """Whether this task can serve; no store is asked, so that none can take every task out."""
    runtime = call.runtime
    state = runtime.mode.state
    can = runtime.mode.is_known and runtime.schema_confirmed
    body = {
        "status": "ok" if can else "starting",
        "half": runtime.settings.half,
        "mode": state.mode.value,
        "reason": state.reason,
        "epoch": state.epoch,
        "schema_version": {
            store: schema_version.spoken(store) for store in ("entity", "transaction")
        },
        "build": runtime.settings.build,
    }
    return Answer(body, status=200 if can else 503)


async def login(call: Call) -> Answer:
    """Whether a login can succeed here."""
    stores = await call.runtime.login_stores.get()
    well = all(stores.values())
    body = {
        "status": "ok" if well else "unavailable",
        "half": call.runtime.settings.half,
        "stores": {name: "ok" if answers else "away" for name, answers in stores.items()},
    }
    return Answer(body, status=200 if well else 503)


async def document(call: Call) -> Answer:
    return Answer(call.runtime.document)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Whether this task can serve: mode, schema version, build",
        act=ready,
        access="none",
        answer=_SCHEMA,
    ),
    Endpoint(
        method="GET",
        path="/health/login",
        name="canLogIn",
        summary="Whether a login can succeed here",
        act=login,
        access="none",
        stores=("entity reader", "session", "queue"),
        answer=_SCHEMA,
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        name="document",
        summary="This document",
        act=document,
        access="none",
        answer={"type": "object"},
    ),
)
