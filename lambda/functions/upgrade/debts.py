"""Lists what a helper could not be given, and pays it when a person resumes the upgrade.

Users need the primary Region and master A. The standby Region and the follower only help: while
one of them does not answer, everything else goes on, and its part is a debt.
"""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from functions.upgrade.errors import FailedError
from functions.upgrade.plan import Plan
from functions.upgrade.site import Place, Site

STANDBY, FOLLOWER = "standby", "follower"
HELPERS = (STANDBY, FOLLOWER)  # what `--without` may name
UNREACHABLE = (BotoCoreError, ClientError)


def owe(plan: Plan, row: str, what: str, *, helper: str = "") -> None:
    """List a row as owed; `helper` is whose part it is, where it is that of one alone."""
    plan.debts[row] = {"helper": helper, "what": what}


def for_standby(site: Site, plan: Plan, row: str, do: Callable[[Place], None]) -> None:
    """Do the standby's part of a row; where the Region does not answer, that part is owed."""
    place = site.standby
    if place is None:
        return None
    if STANDBY in plan.without:
        return owe(plan, row, f"{place.region} is left out", helper=STANDBY)
    try:
        do(place)
    except UNREACHABLE as error:
        return owe(plan, row, f"{place.region}: {error}", helper=STANDBY)
    if plan.debts.get(row, {}).get("helper") == STANDBY:
        del plan.debts[row]
    return None


def listed(plan: Plan) -> list[str]:
    """Return every debt in words."""
    return [f"{row} ({debt['what']})" for row, debt in plan.debts.items()]


def require_none(plan: Plan) -> None:
    """Raise FailedError with the debts, but for those of helpers that a person leaves out."""
    if any(debt["helper"] not in plan.without for debt in plan.debts.values()):
        raise FailedError(f"users are served, and this is owed: {'; '.join(listed(plan))}")
