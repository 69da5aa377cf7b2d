"""Begins an upgrade, or lets another execution go on with one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from functions.control_table import lock
from functions.control_table.mode import Mode
from functions.upgrade import actions, leaving_dns, modes, readers, services
from functions.upgrade import plan as plans
from functions.upgrade.debts import HELPERS
from functions.upgrade.errors import NotYetError, RefusedError
from functions.upgrade.plan import BACK, BREAKING, ENDED, FORWARD, KINDS, Plan
from functions.upgrade.site import Site

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
_BAKE_SECONDS = range(0, 841)  # the row's bound less a minute for the alarms
_CALL = timedelta(seconds=50)  # the function's own timeout
INTENTS = ("go", "abort")
# Rows past the commit point that may owe something, in the table's order: resumed, an upgrade goes
# on at the first that does.
PAID = ("leave", "trail", "return", "restore")


def begin(site: Site, event: dict[str, Any], *, first: str, now: datetime) -> Plan:
    """Take the lock and write down what there is; or take over what another execution left.

    Raises LockHeldError, RefusedError or ValueError, with nothing changed but this upgrade's lock
    given back.
    """
    upgrade, by, intent = event["upgrade"], event.get("by", ""), event.get("intent", "go")
    if not _ID.fullmatch(upgrade):
        raise ValueError(f"'upgrade' should be 1 to 36 of A-Z a-z 0-9 . _ -, got '{upgrade}'")
    if intent not in INTENTS:
        raise ValueError(f"'intent' should be {' or '.join(INTENTS)}, got '{intent}'")
    dynamodb, table = site.client("dynamodb", site.primary.region), site.primary.table
    known = plans.read(dynamodb, table, upgrade)
    if known is not None:
        return _taken_over(site, known, event, now=now)
    image, bake = event.get("image") or "", event.get("bake_seconds", 240)
    if not image or intent != "go":
        raise ValueError(f"no upgrade '{upgrade}' is known: start one with 'image'")
    if bake not in _BAKE_SECONDS:
        raise ValueError(f"'bake_seconds' should be 0 to {_BAKE_SECONDS[-1]}, got {bake}")
    kind = event.get("class", BREAKING)
    if kind not in KINDS:
        raise ValueError(f"'class' should be one of {', '.join(KINDS)}, got '{kind}'")
    token = f"upgrade {upgrade}"
    lock.acquire(dynamodb, table, holder=f"upgrade {upgrade} by {by}", token=token, at=now)
    try:
        plan = Plan(
            upgrade=upgrade,
            image=image,
            by=by,
            execution=event["execution"],
            bake_seconds=bake,
            kind=kind,
            before=_state_before(site),
            at=first,
        )
        plans.write(dynamodb, table, plan)
    except BaseException:
        lock.release(dynamodb, table, token=token)
        raise
    return plan


def _taken_over(site: Site, plan: Plan, event: dict[str, Any], *, now: datetime) -> Plan:
    """Return the plan, now this execution's. A person has seen that the one before has ended."""
    dynamodb, table = site.client("dynamodb", site.primary.region), site.primary.table
    without: list[str] = list(event.get("without") or ())
    intent = event.get("intent")
    if unknown := set(without) - set(HELPERS):
        raise ValueError(f"'without' should be of {', '.join(HELPERS)}, got {sorted(unknown)}")
    if plan.execution == event["execution"] and plan.way != ENDED:
        return plan  # its answer was lost, or it waits
    if plan.way == ENDED and not plan.debts:
        actions.release_lock(site, plan)  # of an end that was cut off
        return plan
    if event.get("image") and event["image"] != plan.image:
        raise RefusedError(f"upgrade '{plan.upgrade}' is of {plan.image}, not {event['image']}")
    if intent == "abort" and plan.committed:
        raise RefusedError(f"upgrade '{plan.upgrade}' is committed: resume it, forward only")
    if without and not plan.committed and plan.way == FORWARD and intent != "abort":
        raise RefusedError(
            f"before its commit point upgrade '{plan.upgrade}' needs all of its helpers: abort it"
        )
    held = lock.acquire(dynamodb, table, holder=plan.name, token=plan.name, at=now)
    assert held.token == plan.name
    if plan.way == ENDED:
        _reopen(site, plan)
    elif intent == "abort":
        plan.way = BACK
        plan.reason = plan.reason or f"aborted by {event.get('by', '')}"
    elif plan.way == FORWARD and (owing := [row for row in plan.debts if row in PAID]):
        plan.at = min(owing, key=PAID.index)
    if event.get("take_mode") and plan.window:
        modes.take(site, plan, at=now)
    plan.debts, plan.without = {}, without
    plan.notes.pop("left_read_only", None)
    if plan.outcome != "stopped":  # a state of it may still be at work
        plan.notes["taken"] = now.isoformat()
    plan.execution, plan.outcome = event["execution"], ""
    plans.write(dynamodb, table, plan)
    return plan


def require_alone(plan: Plan, *, now: datetime) -> None:
    """NotYetError while a call of the execution before, which was cut off, may still be at work."""
    if taken := plan.notes.get("taken"):
        alone = datetime.fromisoformat(taken) + _CALL
        if now < alone:
            raise NotYetError(f"what was begun before may go on until {alone.isoformat()}")


def _reopen(site: Site, plan: Plan) -> None:
    """Let an upgrade that ended with debts pay them: nothing else of it is done again.

    Raises RefusedError, with the lock given back, where another release has come since.
    """
    upgraded = plan.outcome == "upgraded"
    place = site.primary
    for name, service in place.releasing.items():
        found = services.described(site, place, service)["taskDefinition"]
        was = actions.before(plan, place, name)["revision"]
        if found != (actions.revision(plan, place, service) if upgraded else was):
            actions.release_lock(site, plan)
            raise RefusedError(
                f"{service.name} runs {found}: another release has come since '{plan.upgrade}', "
                "and brings what that one owed"
            )
    if upgraded:
        plan.way, plan.at = FORWARD, min(plan.debts, key=PAID.index)
    else:
        plan.way, plan.registered = BACK, [*plan.debts]


def _state_before(site: Site) -> dict[str, Any]:
    """Return the state of all that an upgrade changes. Raises RefusedError unless it is at rest."""
    before: dict[str, Any] = {"weights": services.weights(site, site.primary), "places": {}}
    for place in site.places:
        mode = modes.state_of(site, place)
        if mode.mode != Mode.READ_WRITE:
            raise RefusedError(f"{place.region} is READ_ONLY by {mode.by}: {mode.reason}")
        found: dict[str, Any] = {}
        for name, service in place.releasing.items():
            now = services.described(site, place, service)
            if now["runningCount"] != now["desiredCount"] or now["desiredCount"] < 1:
                raise RefusedError(
                    f"{service.name} of {place.region} runs {now['runningCount']} of "
                    f"{now['desiredCount']} tasks: an upgrade begins when all is at rest"
                )
            if bad := services.unhealthy(site, place, service):
                raise RefusedError(
                    f"{len(bad)} targets of {service.name} of {place.region} are "
                    f"{', '.join(sorted(set(bad)))}: for minutes no other Region stands behind it"
                )
            found[name] = {
                "count": now["desiredCount"],
                "revision": now["taskDefinition"],
                "scaling": services.scaling(site, place, service),
            }
        before["places"][place.region] = found
        _require_quiet(site, place.region, place.alarms)
    newest = services.newest_revision(site, site.primary, site.operations.family)
    before["operations"] = newest["taskDefinitionArn"]
    before["readers"] = readers.least(site)
    if not all(before["weights"].values()):
        raise RefusedError(f"both halves should serve, and the weights are {before['weights']}")
    if site.exit is not None and leaving_dns.alarm_state(site) == "ALARM":
        raise RefusedError("the standby Region is out of DNS by a person's word")
    return before


def _require_quiet(site: Site, region: str, alarms: tuple[str, ...]) -> None:
    found = site.client("cloudwatch", region).describe_alarms(AlarmNames=list(alarms))
    loud = sorted(a["AlarmName"] for a in found["MetricAlarms"] if a["StateValue"] == "ALARM")
    if loud:
        raise RefusedError(f"in ALARM in {region}: {', '.join(loud)}")
