"""Holds the compensations: each restores one thing as the plan recorded it, however often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from functions.upgrade import actions, leaving_dns, modes, operations, services
from functions.upgrade.actions import before
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
    services.set_weights(site, site.primary, {STAYS: 100, LEAVES: 0})


def undo_start(site: Site, plan: Plan, *, now: datetime) -> None:
    """Stop what runs new code; what runs old code, where nothing was changed, goes on."""
    stopped = []
    for place, _, service in _started(site):
        found = services.described(site, place, service)
        if found["taskDefinition"] == actions.revision(plan, place, service):
            services.set_count(site, place, service, 0)
            stopped.append((place, service))
    for place, service in stopped:
        services.require_steady(site, place, service, 0)


def undo_mode(site: Site, plan: Plan, *, now: datetime) -> None:
    """Leave the upgrade's own epoch alone; a READ_ONLY that another entered stays."""
    modes.leave(site, plan, at=now)
    plan.window = False


def undo_stop(site: Site, plan: Plan, *, now: datetime) -> None:
    for place, name, service in _started(site):
        was = before(plan, place, name)
        services.set_count(site, place, service, was["count"], revision=was["revision"])
    for place, name, service in _started(site):
        was = before(plan, place, name)
        services.require_steady(site, place, service, was["count"], revision=was["revision"])


def undo_weights(site: Site, plan: Plan, *, now: datetime) -> None:
    services.set_weights(site, site.primary, plan.before["weights"])


def undo_exit(site: Site, plan: Plan, *, now: datetime) -> None:
    if site.exit is None:
        return
    leaving_dns.put(site, 0)  # an alarm that the last action's data point has yet to reach
    leaving_dns.come_back(site)


def undo_counts(site: Site, plan: Plan, *, now: datetime) -> None:
    actions.counts(site, plan, now=now)


def undo_scaling(site: Site, plan: Plan, *, now: datetime) -> None:
    actions.resume(site, plan, now=now)


def undo_release(site: Site, plan: Plan, *, now: datetime) -> None:
    """Deregister the release's revisions, for a family's newest active one is what runs."""
    for place in site.places:
        for name, service in place.releasing.items():
            was = before(plan, place, name)["revision"]
            services.deregister_above(site, place, service.family, was, plan.image)
    services.deregister_above(
        site, site.primary, site.operations.family, plan.before["operations"], plan.image
    )


def confirm(site: Site, plan: Plan, *, now: datetime) -> None:
    """The lock is released after this look alone."""
    different = actions.differences(site, plan, released=False)
    if different:
        raise FailedError(f"not as it was before the upgrade: {'; '.join(different)}")
    actions.end(site, plan, "rolled back")


def _started(site: Site) -> list[tuple[Place, str, Service]]:
    found = [(site.primary, LEAVES, site.primary.halves[LEAVES])]
    if site.standby is not None:
        found += [(site.standby, half, site.standby.halves[half]) for half in HALVES]
    return found


UNDOINGS: dict[str, Callable[..., None]] = {
    "settle": settle,
    "undo_traffic": undo_traffic,
    "undo_start": undo_start,
    "undo_mode": undo_mode,
    "undo_stop": undo_stop,
    "undo_weights": undo_weights,
    "undo_exit": undo_exit,
    "undo_counts": undo_counts,
    "undo_scaling": undo_scaling,
    "undo_release": undo_release,
    "confirm": confirm,
}
