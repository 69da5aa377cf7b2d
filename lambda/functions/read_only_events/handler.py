"""Enters READ_ONLY in every Region for the rules' events, and notifies the operators."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3

from functions import reader_parity
from functions.control_table import lock
from functions.control_table.lock import Lock
from functions.read_only_events.causes import EntryCause, EntryKind, cause_of
from functions.read_only_events.entering import Outcome, enter

RUNBOOK = "docs/runbooks/read-only-by-itself.md"


class NotEverywhereError(Exception):
    """A Region could not be entered; the others were, and the next try finds them so."""


@cache
def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Raises UnknownEventError, and NotEverywhereError after all that could be done was done."""
    variables = os.environ
    cause = cause_of(
        event,
        masters=json.loads(variables["MASTERS"]),
        alarms={name: EntryKind(kind) for name, kind in json.loads(variables["ALARMS"]).items()},
    )
    return respond(
        cause,
        tables=json.loads(variables["TABLES"]),
        topic=variables["TOPIC"],
        readers=json.loads(variables.get("READERS", "null")),
        client=_client,
        now=datetime.now(UTC),
    )


def respond(
    cause: EntryCause,
    *,
    tables: Mapping[str, str],
    topic: str,
    client: Callable[[str, str], Any],
    now: datetime,
    readers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Enter where the cause asks for it, in the order of `tables`; return what was done where.

    Where it was entered, `readers` (Region, source, target) names the clusters of which the
    target's readers take all reads from now on: it has to have as many as the source.
    """
    outcomes: dict[str, Outcome] = {}
    failed: dict[str, str] = {}
    locked = _locked(tables, client)
    for region, table in tables.items():
        try:
            dynamodb = client("dynamodb", region)
            outcomes[region] = enter(dynamodb, table, cause, locked=locked, now=now)
        except Exception as error:  # one Region that is away keeps no other from being entered
            failed[region] = repr(error)
    entered = [region for region, outcome in outcomes.items() if outcome.entered]
    raised: list[str] = []
    if entered and readers is not None:
        try:
            raised = _raise_readers(readers, client)
        except Exception as error:  # reads go there all the same, and users are served
            failed[f"readers of {readers['target']}"] = repr(error)
    report = _report(outcomes, failed) + raised
    print(
        json.dumps({"by": cause.by, "reason": cause.reason, "entered": entered, "report": report})
    )
    if failed or any(outcome.news for outcome in outcomes.values()):
        # Topic first, then the failure: another try publishes it again, which is better than never.
        client("sns", _region_of(topic)).publish(
            TopicArn=topic,
            Subject=_subject(cause, entered),
            Message=f"{cause.by}\n{cause.reason}\n\n"
            + "\n".join(report)
            + f"\n\nNext: {RUNBOOK}\n",
        )
    if failed:
        raise NotEverywhereError("; ".join(f"{region}: {why}" for region, why in failed.items()))
    return {"entered": entered, "report": report}


def _raise_readers(readers: Mapping[str, str], client: Callable[[str, str], Any]) -> list[str]:
    """Raise the target's least readers to how many the source has; return it in words."""
    source, target = readers["source"], readers["target"]
    rds, scaling = (client(name, readers["region"]) for name in ("rds", "application-autoscaling"))
    found = reader_parity.raise_least(rds, scaling, source=source, target=target)
    if found is None:
        return []
    return [f"{target} takes all reads: at least {found[0]} readers, {found[1]} are available"]


def _locked(tables: Mapping[str, str], client: Callable[[str, str], Any]) -> Lock | None:
    """The lock of the first Region that has one. One that is away is taken to have none."""
    for region, table in tables.items():
        with contextlib.suppress(Exception):
            if held := lock.read(client("dynamodb", region), table):
                return held
    return None


def _report(outcomes: Mapping[str, Outcome], failed: Mapping[str, str]) -> list[str]:
    lines = [
        f"{region}: READ_ONLY entered, epoch {outcome.state.epoch} ({outcome.why})"
        if outcome.entered
        else f"{region}: nothing changed: {outcome.why}"
        for region, outcome in outcomes.items()
    ]
    return lines + [f"{region}: FAILED, tried again: {why}" for region, why in failed.items()]


def _subject(cause: EntryCause, entered: list[str]) -> str:
    """Amazon SNS takes 100 characters of ASCII."""
    done = "READ_ONLY entered" if entered else "READ_ONLY not entered"
    return f"mainstay: {done}: {cause.by}".encode("ascii", "replace").decode()[:100]


def _region_of(arn: str) -> str:
    return arn.split(":")[3]
