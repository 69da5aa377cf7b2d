"""Holds the compensations: each restores one thing as the plan recorded it, however often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from functions.upgrade import (
    actions,
    leaving_dns,
    leaving_half,
    modes,
    operations,
    readers,
    services,
)
from functions.upgrade.actions import before, shared
from functions.upgrade.debts import FOLLOWER, for_standby, owe, require_none
from functions.upgrade.errors import FailedError, NotYetError
from functions.upgrade.plan import Plan
from functions.upgrade.site import HALVES, LEAVES, STAYS, Place, Service, Site


def settle(site: Site, plan: Plan, *, now: datetime) -> None:
    """Stop every task of the upgrade, so that none works beside the undoing."""
    ecs = site.client("ecs", site.primary.region)
    cluster = site.operations.cluster
    still = []
    for task in operations.tasks(site, plan):
        if task["lastStatus"] != "STOPPED":
            still.append(task["taskArn"])
            if task["desiredStatus"] != "STOPPED":
                reason = f"{plan.name} is undone"
                ecs.stop_task(cluster=cluster, task=task["taskArn"], reason=reason)
    if still:
        raise NotYetError(f"still run: {', '.join(still)}")


def undo_traffic(site: Site, plan: Plan, *, now: datetime) -> None:
    leaving_half.divide(site, plan, {STAYS: 100, LEAVES: 0}, now=now)


def undo_start(site: Site, plan: Plan, *, now: datetime) -> None:
    """Stop what runs new code; what runs old code, where nothing was changed, goes on."""

    def stop_in(place: Place) -> None:
        stopped = []
        for _, service in _stopped(site, place):
            found = services.described(site, place, service)
            if found["taskDefinition"] == actions.revision(plan, place, service):
                services.set_count(site, place, service, 0)
                stopped.append(service)
        for service in stopped:
            services.require_steady(site, place, service, 0)

    def stop_here(place: Place) -> None:
        if "divided" in plan.notes:
            leaving_half.require_left(site, plan, LEAVES, now=now)
        stop_in(place)

    _once(site, plan, "start", stop_here)
    for_standby(site, plan, "start", stop_in)


def undo_mode(site: Site, plan: Plan, *, now: datetime) -> None:
    """Leave the upgrade's own epoch alone; a READ_ONLY that another entered stays."""
    modes.leave(site, plan, at=now, row="mode")
    plan.window = False
    plan.undone.append("database")  # or nothing had led here


def undo_stop(site: Site, plan: Plan, *, now: datetime) -> None:
    """Start old code again, as much of it as its half of the traffic needs by now."""

    def start_in(place: Place) -> None:
        for name, service in _stopped(site, place):
            count, was = shared(site, plan, place, name), before(plan, place, name)["revision"]
            services.set_count(site, place, service, count, revision=was)

    def wait_in(place: Place) -> None:
        for name, service in _stopped(site, place):
            count, was = shared(site, plan, place, name), before(plan, place, name)["revision"]
            services.require_steady(site, place, service, count, revision=was)

    for do in (start_in, wait_in):
        _once(site, plan, f"stop, {do.__name__}", do)
        for_standby(site, plan, "stop", do)


def undo_weights(site: Site, plan: Plan, *, now: datetime) -> None:
    """Let both halves serve, provided that both can."""
    place = site.primary
    for half in HALVES:
        was = before(plan, place, half)
        service, count = place.halves[half], was["count"]
        services.require_steady(site, place, service, count, revision=was["revision"], or_more=True)
    leaving_half.divide(site, plan, plan.before["weights"], now=now)


def undo_exit(site: Site, plan: Plan, *, now: datetime) -> None:
    """Return the standby to DNS, provided that its halves can serve."""

    def come_back(place: Place) -> None:
        for half, service in place.halves.items():
            was = before(plan, place, half)
            services.require_steady(
                site, place, service, was["count"], revision=was["revision"], or_more=True
            )
        leaving_dns.put(site, 0)  # an alarm that the last action's data point has yet to reach
        leaving_dns.come_back(site)

    if site.exit is not None:
        for_standby(site, plan, "exit", come_back)


def undo_counts(site: Site, plan: Plan, *, now: datetime) -> None:
    if services.weights(site, site.primary) != plan.before["weights"]:
        raise FailedError(f"{STAYS} carries all: it keeps its tasks until both halves serve")
    actions.counts(site, plan, now=now)


def undo_readers(site: Site, plan: Plan, *, now: datetime) -> None:
    readers.restore(site, plan)


def undo_scaling(site: Site, plan: Plan, *, now: datetime) -> None:
    _once(site, plan, "scaling", lambda _: actions.resume(site, plan, now=now))
    for_standby(site, plan, "scaling", lambda place: actions.resume_scaling(site, plan, place))


def undo_release(site: Site, plan: Plan, *, now: datetime) -> None:
    """Deregister the release's revisions, for a family's newest active one is what runs."""

    def deregister_in(place: Place) -> None:
        for name, service in place.releasing.items():
            was = before(plan, place, name)["revision"]
            services.deregister_above(site, place, service.family, was, plan.image)

    deregister_in(site.primary)
    services.deregister_above(
        site, site.primary, site.operations.family, plan.before["operations"], plan.image
    )
    for_standby(site, plan, "release", deregister_in)


def confirm(site: Site, plan: Plan, *, now: datetime) -> None:
    """The lock is released after this look alone."""
    if FOLLOWER in plan.without:
        owe(plan, "replication", "the follower is left out", helper=FOLLOWER)
    require_none(plan)
    different = actions.differences(site, plan, released=False)
    if different:
        raise FailedError(f"not as it was before the upgrade: {'; '.join(different)}")
    actions.end(site, plan, "rolled back")


def _once(site: Site, plan: Plan, what: str, do: Callable[[Place], None]) -> None:
    """Do the primary's part, unless that was done: what the standby owes is paid without it."""
    if (done := f"{what} in the primary") not in plan.undone:
        do(site.primary)
        plan.undone.append(done)


def _stopped(site: Site, place: Place) -> list[tuple[str, Service]]:
    """Return what an upgrade stops of a Region: one half, and of the standby both."""
    halves = (LEAVES,) if place is site.primary else HALVES
    return [(half, place.halves[half]) for half in halves]


UNDOINGS: dict[str, Callable[..., None]] = {
    "settle": settle,
    "undo_traffic": undo_traffic,
    "undo_start": undo_start,
    "undo_mode": undo_mode,
    "undo_stop": undo_stop,
    "undo_weights": undo_weights,
    "undo_exit": undo_exit,
    "undo_counts": undo_counts,
    "undo_readers": undo_readers,
    "undo_scaling": undo_scaling,
    "undo_release": undo_release,
    "confirm": confirm,
}
