"""What the emulator keeps about load balancers, read from any thread, of any account and Region."""

from __future__ import annotations

from typing import Any, NamedTuple

from local.emulator.extension import inside

ALB: Any = inside.service("alb")


class AccountRegion(NamedTuple):
    """An account and a Region."""

    account: str
    region: str


def listeners() -> dict[str, tuple[AccountRegion, dict[str, Any]]]:
    """Listener ARN -> where it is, and its record."""
    return {
        arn: (AccountRegion(account, region), record)
        for (account, region, arn), record in list(ALB._listeners._data.items())
    }


def load_balancer(place: AccountRegion, arn: str) -> dict[str, Any] | None:
    return ALB._lbs.get_scoped(*place, arn)


def target_group(place: AccountRegion, arn: str) -> dict[str, Any] | None:
    return ALB._tgs.get_scoped(*place, arn)


def targets(place: AccountRegion, group: str) -> list[dict[str, Any]]:
    """Return the registered targets of a group; each has an Id, and may have a Port of its own."""
    return list(ALB._targets._data.get((place.account, group), ()))


def rules(place: AccountRegion, listener: str) -> list[dict[str, Any]]:
    """Return a listener's rules in the order in which they are asked.

    The default one is the last.
    """
    found = [r for r in ALB._rules.values_scoped(*place) if r.get("ListenerArn") == listener]
    return sorted(found, key=_order)


def balancer_attribute(place: AccountRegion, arn: str, key: str, default: str) -> str:
    return _attribute(ALB._lb_attrs._data.get((place.account, arn), ()), key, default)


def in_use(place: AccountRegion) -> set[str]:
    """Return the target groups to which a rule of the Region forwards."""
    return {
        group["TargetGroupArn"]
        for rule in ALB._rules.values_scoped(*place)
        for action in rule.get("Actions", ())
        for group in forwards(action)
    }


def forwards(action: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a forward's target groups with their weights, however it was written."""
    if action.get("Type") != "forward":
        return []
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if not groups and "TargetGroupArn" in action:
        groups = [{"TargetGroupArn": action["TargetGroupArn"]}]
    return groups


def places() -> set[AccountRegion]:
    """Return the accounts and Regions that have target groups."""
    return {AccountRegion(account, region) for account, region, _ in list(ALB._tgs._data)}


def groups(place: AccountRegion) -> list[dict[str, Any]]:
    return ALB._tgs.values_scoped(*place)


def _order(rule: dict[str, Any]) -> tuple[int, int]:
    priority = rule.get("Priority", "default")
    return (1, 0) if priority == "default" else (0, int(priority))


def _attribute(attributes: Any, key: str, default: str) -> str:
    return next((a["Value"] for a in attributes if a["Key"] == key), default)
