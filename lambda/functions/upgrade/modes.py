"""The mode during an upgrade: entered as the upgrade, obeyed by all, left only if still its own."""

from __future__ import annotations

from datetime import datetime

from functions.control_table import mode
from functions.control_table.acknowledgements import missing
from functions.control_table.mode import EpochPassedError, Mode, State
from functions.upgrade import services
from functions.upgrade.debts import UNREACHABLE, for_standby
from functions.upgrade.errors import EpochStolenError, NotYetError
from functions.upgrade.plan import Plan
from functions.upgrade.site import Place, Site


def state_of(site: Site, place: Place) -> State:
    """The Region's mode. Raises NoModeError where the bootstrap has not run."""
    found = mode.read(site.client("dynamodb", place.region), place.table)
    if found is None:
        raise mode.NoModeError(f"'{place.table}' of {place.region} has no mode yet")
    return found


def is_own(plan: Plan, state: State) -> bool:
    """Return whether this READ_ONLY was entered by the upgrade and by no other since."""
    return state.by == plan.name and state.mode == Mode.READ_ONLY


def enter(site: Site, plan: Plan, *, at: datetime) -> None:
    """READ_ONLY in every Region, from READ_WRITE alone.

    Raises EpochStolenError where somebody else's READ_ONLY stands: leaving that later would be
    against their word.
    """
    for place in site.places:
        found = state_of(site, place)
        if is_own(plan, found):
            continue
        if found.mode != Mode.READ_WRITE:
            raise EpochStolenError(
                f"{place.region} is READ_ONLY by {found.by} since {found.at}: {found.reason}"
            )
        try:
            mode.change(
                site.client("dynamodb", place.region),
                place.table,
                mode=Mode.READ_ONLY,
                reason=plan.name,
                by=plan.name,
                at=at,
                epoch=found.epoch,
            )
        except EpochPassedError as error:
            raise EpochStolenError(f"{place.region}: {error}") from error


def require_own(site: Site, plan: Plan) -> None:
    """Raises EpochStolenError where the mode is not the upgrade's own READ_ONLY any more.

    Past the commit point a standby that does not answer keeps nobody from being served.
    """
    for place in site.places:
        try:
            found = state_of(site, place)
        except UNREACHABLE:
            if place is site.primary or not plan.committed:
                raise
            continue
        if not is_own(plan, found):
            raise EpochStolenError(
                f"{place.region} is {found.mode} by {found.by} since {found.at}, epoch "
                f"{found.epoch}: {found.reason}"
            )


def leave(site: Site, plan: Plan, *, at: datetime, row: str) -> None:
    """Leave what the upgrade entered, the primary first; what somebody else entered since stays.

    A standby that does not answer owes it, in the row `row`.
    """

    def leave_in(place: Place) -> None:
        found = state_of(site, place)
        if not is_own(plan, found):
            return
        try:
            mode.leave_read_only(
                site.client("dynamodb", place.region),
                place.table,
                epoch=found.epoch,
                reason=f"{plan.name} is over",
                by=plan.name,
                at=at,
            )
        except EpochPassedError as error:
            raise EpochStolenError(f"{place.region}: {error}") from error

    leave_in(site.primary)
    for_standby(site, plan, row, leave_in)


def take(site: Site, plan: Plan, *, at: datetime) -> None:
    """Make the READ_ONLY of somebody else the upgrade's, by a person's explicit word."""
    for place in site.places:
        mode.enter_read_only(
            site.client("dynamodb", place.region),
            place.table,
            reason=plan.name,
            by=plan.name,
            at=at,
        )


def hold(site: Site, plan: Plan, *, at: datetime) -> None:
    """READ_ONLY in every Region that answers, whoever has the epoch: for a stop."""

    def hold_in(place: Place) -> None:
        if state_of(site, place).mode == Mode.READ_ONLY:
            return  # it holds already, by whomever
        mode.enter_read_only(
            site.client("dynamodb", place.region),
            place.table,
            reason=plan.name,
            by=plan.name,
            at=at,
        )

    hold_in(site.primary)
    for_standby(site, plan, "mode", hold_in)


def require_obeyed(site: Site, *, now: datetime) -> None:
    """NotYetError until every task of the primary's edge and app obeys the epoch of now.

    The standby's are not waited for: it is out of DNS, its app tier is stopped, and whatever
    starts there reads its mode first.
    """
    place = site.primary
    epoch = state_of(site, place).epoch
    dynamodb = site.client("dynamodb", place.region)
    for layer, members in (("app", place.halves.values()), ("edge", (place.edge,))):
        left = missing(
            dynamodb,
            place.table,
            layer=layer,
            task_ids=services.task_ids(site, place, members),
            epoch=epoch,
            now=now,
        )
        if left:
            raise NotYetError(f"epoch {epoch} is not acknowledged by {layer} {sorted(left)}")
