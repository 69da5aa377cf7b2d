"""Holds the steps of the table's rows, forward. Each changes what is left to change, then checks.

An action raises NotYetError while its condition does not hold; called again it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from functions.control_table import lock
from functions.upgrade import leaving_dns, modes, services
from functions.upgrade.errors import FailedError, NotYetError
from functions.upgrade.plan import ENDED, Plan
from functions.upgrade.site import HALVES, LEAVES, STAYS, Place, Service, Site

OPERATIONS = "operations"


def before(plan: Plan, place: Place, name: str) -> dict[str, Any]:
    """Return the service as it was when the upgrade began."""
    return plan.before["places"][place.region][name]


def capacity(plan: Plan, place: Place) -> int:
    """Tasks that carry all of a Region's traffic: those of both halves as they were."""
    return sum(before(plan, place, half)["count"] for half in HALVES)


def revision(plan: Plan, place: Place, service: Service) -> str:
    """The new revision of a service's family."""
    return plan.revisions[place.region][service.family]


def release(site: Site, plan: Plan, *, now: datetime) -> None:
    for place in site.places:
        made = plan.revisions.setdefault(place.region, {})
        for service in place.releasing.values():
            made[service.family] = services.with_image(site, place, service.family, plan.image)
    family = site.operations.family
    own = plan.revisions[site.primary.region]
    own[OPERATIONS] = services.with_image(site, site.primary, family, plan.image)


def suspend(site: Site, plan: Plan, *, now: datetime) -> None:
    for place in site.places:
        for half in HALVES:
            services.suspend(site, place, place.halves[half])


def carry(site: Site, plan: Plan, *, now: datetime) -> None:
    place = site.primary
    _run(site, place, place.halves[STAYS], capacity(plan, place))


def exit_(site: Site, plan: Plan, *, now: datetime) -> None:
    if site.exit is not None:
        leaving_dns.leave(site, plan, now=now)


def weights(site: Site, plan: Plan, *, now: datetime, shares: dict[str, int]) -> None:
    services.set_weights(site, site.primary, shares)


def stop(site: Site, plan: Plan, *, now: datetime) -> None:
    _stop_all(site, _leaving(site))


def enter(site: Site, plan: Plan, *, now: datetime) -> None:
    modes.enter(site, plan, at=now)
    plan.window = True
    modes.require_obeyed(site, now=now)


def start(site: Site, plan: Plan, *, now: datetime) -> None:
    place, green = site.primary, site.primary.halves[LEAVES]
    count, wanted = capacity(plan, place), revision(plan, place, green)
    services.set_count(site, place, green, count, revision=wanted)
    services.require_steady(site, place, green, count, revision=wanted)


def alarms(site: Site, plan: Plan, *, now: datetime) -> None:
    """Raise FailedError for an alarm in ALARM, NotYetError for one without data."""
    cloudwatch = site.client("cloudwatch", site.primary.region)
    found = cloudwatch.describe_alarms(AlarmNames=list(site.primary.alarms))["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    loud = [name for name, state in states.items() if state == "ALARM"]
    if loud:
        raise FailedError(f"the new code fails: in ALARM are {', '.join(sorted(loud))}")
    quiet = [name for name in site.primary.alarms if states.get(name) != "OK"]
    if quiet:
        raise NotYetError(f"no verdict yet of {', '.join(sorted(quiet))}")


def commit(site: Site, plan: Plan, *, now: datetime) -> None:
    """The guard before every action has found the lock and the epoch to be the upgrade's."""
    plan.committed = True


def leave(site: Site, plan: Plan, *, now: datetime) -> None:
    modes.leave(site, plan, at=now)
    plan.window = False
    modes.require_obeyed(site, now=now)


def trail(site: Site, plan: Plan, *, now: datetime) -> None:
    """Everything but the half that `start` has brought, the standby's too: writers wait no more."""
    waiting = []
    for place in site.places:
        for name, service in place.releasing.items():
            if place is site.primary and name == LEAVES:
                continue
            count = before(plan, place, name)["count"]
            wanted = revision(plan, place, service)
            services.set_count(site, place, service, count, revision=wanted)
            waiting.append((place, service, count, wanted))
    for place, service, count, wanted in waiting:
        services.require_steady(site, place, service, count, revision=wanted)


def share(site: Site, plan: Plan, *, now: datetime) -> None:
    services.set_weights(site, site.primary, plan.before["weights"])


def return_(site: Site, plan: Plan, *, now: datetime) -> None:
    if site.standby is None or site.exit is None:
        return
    for half in HALVES:
        service = site.standby.halves[half]
        services.require_steady(
            site,
            site.standby,
            service,
            before(plan, site.standby, half)["count"],
            revision=revision(plan, site.standby, service),
        )
    leaving_dns.come_back(site)


def counts(site: Site, plan: Plan, *, now: datetime) -> None:
    place = site.primary
    for half in HALVES:
        services.set_count(site, place, place.halves[half], before(plan, place, half)["count"])
    for half in HALVES:
        services.require_steady(site, place, place.halves[half], before(plan, place, half)["count"])


def resume(site: Site, plan: Plan, *, now: datetime) -> None:
    for place in site.places:
        for half in HALVES:
            state = before(plan, place, half)["suspended"]
            services.suspend(site, place, place.halves[half], state)


def unlock(site: Site, plan: Plan, *, now: datetime) -> None:
    modes.leave(site, plan, at=now)  # of a stop that was resumed
    different = differences(site, plan, released=True)
    if different:
        raise FailedError(f"not as it should be after the upgrade: {'; '.join(different)}")
    end(site, plan, "upgraded")


def end(site: Site, plan: Plan, outcome: str) -> None:
    """End every way: write how the plan ended, before the lock is free."""
    plan.way, plan.outcome = ENDED, outcome


def release_lock(site: Site, plan: Plan) -> None:
    """If it is the upgrade's; asked again, it may be the next one's by now."""
    dynamodb, table = site.client("dynamodb", site.primary.region), site.primary.table
    with suppress(lock.LockHeldError):
        lock.release(dynamodb, table, token=plan.name)


def differences(site: Site, plan: Plan, *, released: bool) -> list[str]:
    """Return what is not as it was, but for the release itself; the last check before the end."""
    found = []
    if services.weights(site, site.primary) != plan.before["weights"]:
        found.append("the weights")
    for place in site.places:
        state = modes.state_of(site, place)
        if modes.is_own(plan, state):
            found.append(f"the mode of {place.region}")
        for name, service in place.releasing.items():
            was, now = before(plan, place, name), services.described(site, place, service)
            wanted = revision(plan, place, service) if released else was["revision"]
            if (now["desiredCount"], now["taskDefinition"]) != (was["count"], wanted):
                found.append(f"{service.name} of {place.region}")
            if name in HALVES and services.suspended(site, place, service) != was["suspended"]:
                found.append(f"the autoscaling of {service.name} of {place.region}")
    if site.exit is not None and leaving_dns.alarm_state(site) == "ALARM":
        found.append("the standby in DNS")
    return found


def _leaving(site: Site) -> list[tuple[Place, str, Service]]:
    """The half that goes, and both of the standby."""
    found = [(site.primary, LEAVES, site.primary.halves[LEAVES])]
    if site.standby is not None:
        found += [(site.standby, half, site.standby.halves[half]) for half in HALVES]
    return found


def _run(site: Site, place: Place, service: Service, count: int) -> None:
    services.set_count(site, place, service, count)
    services.require_steady(site, place, service, count)


def _stop_all(site: Site, some: list[tuple[Place, str, Service]]) -> None:
    for place, _, service in some:
        services.set_count(site, place, service, 0)
    for place, _, service in some:
        services.require_steady(site, place, service, 0)


ACTIONS: dict[str, Callable[..., None]] = {
    "release": release,
    "suspend": suspend,
    "carry": carry,
    "exit": exit_,
    "weights": weights,
    "stop": stop,
    "enter": enter,
    "start": start,
    "alarms": alarms,
    "commit": commit,
    "leave": leave,
    "trail": trail,
    "share": share,
    "return": return_,
    "counts": counts,
    "resume": resume,
    "unlock": unlock,
}
