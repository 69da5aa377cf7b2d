"""Readers of the other master, which take all reads in READ_ONLY: as many as the primary's."""

from __future__ import annotations

from functions import reader_parity
from functions.upgrade.errors import NotYetError
from functions.upgrade.plan import Plan
from functions.upgrade.site import Site


def least(site: Site) -> int | None:
    """Return the least readers of the other master; None where nothing scales them."""
    if site.readers is None:
        return None
    scaling = site.client("application-autoscaling", site.primary.region)
    found = reader_parity.limits(scaling, site.readers.target)
    return found and found[0]


def require_as_many(site: Site, plan: Plan) -> None:
    """NotYetError until the other master has as many readers, available, as the primary has."""
    if site.readers is None:
        return
    rds, scaling = (
        site.client(name, site.primary.region) for name in ("rds", "application-autoscaling")
    )
    found = reader_parity.raise_least(
        rds, scaling, source=site.readers.source, target=site.readers.target
    )
    if found is None:
        return
    wanted, there = found
    if there < wanted:
        raise NotYetError(f"{site.readers.target} has {there} of {wanted} readers available")
    plan.notes["verdict"] = f"{site.readers.target} has {there} readers for all reads"


def restore(site: Site, plan: Plan) -> None:
    """Give the other master the least readers that it had: its autoscaling takes the rest away."""
    if site.readers is not None and (was := plan.before.get("readers")) is not None:
        scaling = site.client("application-autoscaling", site.primary.region)
        reader_parity.set_least(scaling, site.readers.target, was)
