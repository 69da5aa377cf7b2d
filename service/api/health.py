"""Health, for the internal load balancer and for DNS; neither asks the writer."""

from __future__ import annotations

from typing import Any

from service import schema_version
from service.api.call import Call
from service.api.models import LoginHealth, PoolState, Readiness


async def ready(call: Call) -> Readiness:
    """Answer whether this task can serve; inside also its mode, schema version, build and pools.

    No store is asked, so that none can take every task out.
    """
    runtime = call.runtime
    call.answer_status = 200 if runtime.can_serve else 503
    status = "ok" if runtime.can_serve else "starting"
    if _is_outside(call):
        return Readiness(status=status)
    state = runtime.mode.state
    return Readiness(
        status=status,
        half=runtime.settings.half,
        mode=state.mode.value,
        reason=state.reason,
        epoch=state.epoch,
        schema_version={name: schema_version.spoken(name) for name in ("entity", "transaction")},
        build=runtime.settings.build,
        connections=[PoolState.model_validate(each.counted) for each in runtime.connections],
    )


async def can_log_in(call: Call) -> LoginHealth:
    """Answer whether a login can succeed here; inside also which store does not answer."""
    stores = await call.runtime.login_stores.get()
    is_well = all(stores.values())
    call.answer_status = 200 if is_well else 503
    status = "ok" if is_well else "unavailable"
    if _is_outside(call):
        return LoginHealth(status=status)
    return LoginHealth(
        status=status,
        half=call.runtime.settings.half,
        stores={name: "ok" if answers else "away" for name, answers in stores.items()},
    )


def _is_outside(call: Call) -> bool:
    """Return whether a request came through the edge, which marks all of them."""
    return "x-edge-verified" in call.headers


async def document(call: Call) -> dict[str, Any]:
    """Show this document."""
    return call.app.openapi()
