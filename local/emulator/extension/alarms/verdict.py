"""What the values of an alarm's last periods make of its state."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

Value = float | None

_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}


def verdict(alarm: dict[str, Any], values: Sequence[Value]) -> str | None:
    """ALARM, OK or INSUFFICIENT_DATA; None leaves the state as it is.

    `values` are those of EvaluationPeriods periods, None where there is no data. Source: the
    CloudWatch guide, "Configuring how alarms treat missing data".
    """
    treat = alarm.get("TreatMissingData") or "missing"
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    known = [breaches(value, float(alarm["Threshold"])) for value in values if value is not None]
    missing = len(values) - len(known)
    if not known and treat == "missing":
        return "INSUFFICIENT_DATA"
    if not known and treat == "ignore":
        return None
    bad = sum(known) + (missing if treat == "breaching" else 0)
    needed = int(alarm.get("DatapointsToAlarm") or len(values))
    if treat in ("missing", "ignore"):
        needed = min(needed, len(known))  # what is missing is left out of account
    return "ALARM" if bad >= needed and bad else "OK"
