"""Holds the steps of the table's rows, forward. Each changes what is left to change, then checks.

An action raises NotYetError while its condition does not hold; called again it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from functions.control_table import lock
from functions.upgrade import debts, gate, leaving_dns, leaving_half, modes, readers, services
from functions.upgrade.errors import FailedError, NotYetError
from functions.upgrade.plan import ENDED, Plan
from functions.upgrade.site import HALVES, LEAVES, STAYS, Place, Service, Site

OPERATIONS = "operations"
_OBEYED_WITHIN = timedelta(minutes=1)


def before(plan: Plan, place: Place, name: str) -> dict[str, Any]:
    """Return the service as it was when the upgrade began."""
    return plan.before["places"][place.region][name]


def capacity(plan: Plan, place: Place) -> int:
    """Tasks that carry all of a Region's traffic: those of both halves as they were."""
    return sum(before(plan, place, half)["count"] for half in HALVES)


def shared(site: Site, plan: Plan, place: Place, name: str) -> int:
    """Return a service's tasks once both halves serve: as before, and more by what all has grown.

    The half that carried all may have scaled out meanwhile; its number is noted before it shrinks.
    """
    was = before(plan, place, name)
    if place is not site.primary or name not in HALVES:
        return was["count"]
    halves = [services.described(site, place, each) for each in place.halves.values()]
    most = max(each["desiredCount"] for each in halves)
    carried = plan.notes["carried"] = max(plan.notes.get("carried", 0), most)
    return max(was["count"], ceil(was["count"] * carried / capacity(plan, place)))


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
    """Hold every number of tasks, and read it only then: checks may have lasted an hour."""
    for place in site.places:
        for service in place.releasing.values():
            services.hold(site, place, service)
    for place in site.places:
        for name, service in place.releasing.items():
            count = services.described(site, place, service)["desiredCount"]
            services.require_steady(site, place, service, count)
            before(plan, place, name)["count"] = count


def carry(site: Site, plan: Plan, *, now: datetime) -> None:
    _carry_all(site, plan, STAYS)


def exit_(site: Site, plan: Plan, *, now: datetime) -> None:
    if site.exit is not None:
        leaving_dns.leave(site, plan, now=now)


def weights(site: Site, plan: Plan, *, now: datetime, shares: dict[str, int]) -> None:
    """Divide the traffic, once a half that gets all of it can carry it."""
    for half, share in shares.items():
        if share == 100:
            _carry_all(site, plan, half)
    leaving_half.divide(site, plan, shares, now=now)


def stop(site: Site, plan: Plan, *, now: datetime) -> None:
    leaving_half.require_left(site, plan, LEAVES, now=now)
    if site.standby is not None and plan.has_window:
        plan.notes.setdefault("without_standby", now.isoformat())
    _stop_all(site, _leaving(site, plan))


def readers_(site: Site, plan: Plan, *, now: datetime) -> None:
    readers.require_as_many(site, plan)


def enter(site: Site, plan: Plan, *, now: datetime) -> None:
    modes.enter(site, plan, at=now)
    plan.window = True
    modes.require_obeyed(site, now=now)


def start(site: Site, plan: Plan, *, now: datetime) -> None:
    green = site.primary.halves[LEAVES]
    _carry_all(site, plan, LEAVES, wanted=revision(plan, site.primary, green))


def judge(site: Site, plan: Plan, *, now: datetime) -> None:
    """Raise FailedError for an alarm in ALARM, NotYetError for one without data; then compare."""
    cloudwatch = site.client("cloudwatch", site.primary.region)
    found = cloudwatch.describe_alarms(AlarmNames=list(site.primary.alarms))["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    loud = [name for name, state in states.items() if state == "ALARM"]
    if loud:
        raise FailedError(f"the new code fails: in ALARM are {', '.join(sorted(loud))}")
    quiet = [name for name in site.primary.alarms if states.get(name) != "OK"]
    if quiet:
        raise NotYetError(f"no verdict yet of {', '.join(sorted(quiet))}")
    plan.notes["verdict"] = gate.require_as_good(site, plan, now=now)


def commit(site: Site, plan: Plan, *, now: datetime) -> None:
    """The guard before every action has found the lock and the epoch to be the upgrade's."""
    plan.committed = True


def leave(site: Site, plan: Plan, *, now: datetime) -> None:
    """Leave READ_ONLY; a task that does not obey within a minute refuses writes by itself alone."""
    leaving_half.require_settled(plan, now=now)
    modes.leave(site, plan, at=now, row="leave")
    plan.window = False
    left = plan.notes.setdefault("left_read_only", now.isoformat())
    try:
        modes.require_obeyed(site, now=now)
    except NotYetError as error:
        if now - datetime.fromisoformat(left) < _OBEYED_WITHIN:
            raise
        debts.owe(plan, "leave", str(error))


def trail(site: Site, plan: Plan, *, now: datetime) -> None:
    """Everything but the half that `start` has brought, the standby's too: writers wait no more."""

    def release_in(place: Place) -> None:
        for name, service in _trailing(site, place):
            services.hold(site, place, service)
            count, wanted = shared(site, plan, place, name), revision(plan, place, service)
            services.set_count(site, place, service, count, revision=wanted)

    def wait_in(place: Place) -> None:
        for name, service in _trailing(site, place):
            count, wanted = shared(site, plan, place, name), revision(plan, place, service)
            services.require_steady(site, place, service, count, revision=wanted)

    if not plan.notes.get("scales"):
        leaving_half.require_left(site, plan, STAYS, now=now)
    for do in (release_in, wait_in):
        if not plan.notes.get("scales"):
            do(site.primary)
        debts.for_standby(site, plan, "trail", do)


def share(site: Site, plan: Plan, *, now: datetime) -> None:
    leaving_half.divide(site, plan, plan.before["weights"], now=now)


def return_(site: Site, plan: Plan, *, now: datetime) -> None:
    """Bring the standby's halves back to DNS, and only then let them scale again."""

    def come_back(place: Place) -> None:
        for name, service in place.releasing.items():
            count, wanted = before(plan, place, name)["count"], revision(plan, place, service)
            services.require_steady(site, place, service, count, revision=wanted, or_more=True)
        if site.exit is not None:
            leaving_dns.come_back(site)
        resume_scaling(site, plan, place)

    debts.for_standby(site, plan, "return", come_back)
    if "return" not in plan.debts and (since := plan.notes.pop("without_standby", None)):
        seconds = (now - datetime.fromisoformat(since)).total_seconds()
        plan.notes["verdict"] = f"for {seconds:.0f} s the primary Region had no other one behind it"


def counts(site: Site, plan: Plan, *, now: datetime) -> None:
    place = site.primary
    if plan.notes.get("scales"):
        return  # by itself again: an upgrade that was resumed pays what it owes
    for half in HALVES:
        services.hold(site, place, place.halves[half])
    for half in HALVES:
        services.set_count(site, place, place.halves[half], shared(site, plan, place, half))
    for half in HALVES:
        count = shared(site, plan, place, half)
        services.require_steady(site, place, place.halves[half], count)


def resume(site: Site, plan: Plan, *, now: datetime) -> None:
    resume_scaling(site, plan, site.primary)
    readers.restore(site, plan)
    plan.notes["scales"] = True


def unlock(site: Site, plan: Plan, *, now: datetime) -> None:
    modes.leave(site, plan, at=now, row="leave")  # of a stop that was resumed
    if debts.FOLLOWER in plan.without:
        debts.owe(plan, "restore", "the follower is left out", helper=debts.FOLLOWER)
    debts.require_none(plan)
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
    changed = services.weights(site, site.primary) != plan.before["weights"]
    found = ["the weights"] if changed else []
    found += _differences_in(site, plan, site.primary, released=released)
    if readers.least(site) != plan.before.get("readers"):
        found.append("the readers of the other master")
    if debts.STANDBY in plan.without:
        return found
    if site.standby is not None:
        try:
            found += _differences_in(site, plan, site.standby, released=released)
        except debts.UNREACHABLE as error:
            found.append(f"{site.standby.region} does not answer: {error}")
    if site.exit is not None and leaving_dns.alarm_state(site) == "ALARM":
        found.append("the standby in DNS")
    return found


def _differences_in(site: Site, plan: Plan, place: Place, *, released: bool) -> list[str]:
    found = []
    if modes.is_own(plan, modes.state_of(site, place)):
        found.append(f"the mode of {place.region}")
    for name, service in place.releasing.items():
        was, now = before(plan, place, name), services.described(site, place, service)
        wanted = revision(plan, place, service) if released else was["revision"]
        scaled, count = was["scaling"], now["desiredCount"]
        # What scales has done so since it was resumed, within its limits.
        right = scaled["min"] <= count <= scaled["max"] if scaled else count == was["count"]
        if not right or now["taskDefinition"] != wanted:
            found.append(f"{service.name} of {place.region}")
        if services.scaling(site, place, service) != scaled:
            found.append(f"the autoscaling of {service.name} of {place.region}")
    return found


def _trailing(site: Site, place: Place) -> list[tuple[str, Service]]:
    """Return what still runs old code, or nothing, when the first half serves with the new."""
    return [
        (name, service)
        for name, service in place.releasing.items()
        if place is not site.primary or name != LEAVES
    ]


def _leaving(site: Site, plan: Plan) -> list[tuple[Place, str, Service]]:
    """Return the half that goes, and both of the standby where its store is to change."""
    found = [(site.primary, LEAVES, site.primary.halves[LEAVES])]
    if site.standby is not None and plan.has_window:
        found += [(site.standby, half, site.standby.halves[half]) for half in HALVES]
    return found


def resume_scaling(site: Site, plan: Plan, place: Place) -> None:
    for name, service in place.releasing.items():
        services.set_scaling(site, place, service, before(plan, place, name)["scaling"])


def _carry_all(site: Site, plan: Plan, half: str, *, wanted: str | None = None) -> None:
    """Bring a half to what carries all, and never below: its autoscaling may only add to that."""
    place, service = site.primary, site.primary.halves[half]
    now = [services.described(site, place, each)["desiredCount"] for each in place.halves.values()]
    count = max(capacity(plan, place), *now)
    services.set_count(site, place, service, count, revision=wanted)
    services.require_steady(site, place, service, count, revision=wanted, in_window=plan.window)
    limits = [before(plan, place, name)["scaling"] for name in HALVES]
    if all(limits):
        most = max(count, sum(each["max"] for each in limits))
        services.only_grow(site, place, service, least=count, most=most)


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
    "readers": readers_,
    "enter": enter,
    "start": start,
    "judge": judge,
    "commit": commit,
    "leave": leave,
    "trail": trail,
    "share": share,
    "return": return_,
    "counts": counts,
    "resume": resume,
    "unlock": unlock,
}
