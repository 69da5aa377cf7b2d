"""The upgrade as it went: which row of the table runs now, by its journal, and when each ran, by
the execution's history, which knows milliseconds where the journal keeps seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cli.deployed import Deployed
from functions.control_table import journal

# From the begin of the first to the end of the second, writes are refused
# (constructs/mainstay/upgrade/steps.py).
FIRST_BLOCKED, LAST_BLOCKED = "enter", "leave"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table, from its first state's begin to the next row's, so that nothing lies
    between two: in seconds since 1970. `name` is its state's."""

    step: str
    name: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Followed:
    """The upgrades of an environment, read from its control table and its state machine."""

    def __init__(self, client: Callable[[str], Any], environment: str, region: str) -> None:
        self._dynamodb = client("dynamodb")
        self._states = client("stepfunctions")
        deployed = Deployed(name=environment, region=region, clients=lambda name, _: client(name))
        self._table, self._machine = deployed.control_table(), deployed.upgrade_machine()

    def step(self, upgrade: str) -> str:
        """Return the row that the journal named last, "" before the first."""
        entry = journal.newest(self._dynamodb, self._table, upgrade)
        return entry.step if entry else ""

    def lines(self, upgrade: str) -> list[dict[str, str]]:
        """Return the journal as a person reads it."""
        return [
            {"at": each.at, "step": each.step, "state": each.state, "detail": each.detail}
            for each in journal.entries(self._dynamodb, self._table, upgrade)
        ]

    def rows(self, upgrade: str) -> list[Row]:
        """Return every row that an upgrade's executions ran, in order."""
        names = self._names()
        found: list[Row] = []
        for execution in reversed(list(self._executions(upgrade))):
            found += rows(self._events(execution), names)
        return found

    def _executions(self, upgrade: str) -> Iterator[str]:
        """Yield the latest first."""
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=self._machine
        )
        for page in pages:
            for each in page["executions"]:
                if each["name"].rpartition("-")[0] == upgrade:
                    yield each["executionArn"]

    def _events(self, execution: str) -> Iterator[Mapping[str, Any]]:
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=execution)
        for page in pages:
            yield from page["events"]

    def _names(self) -> dict[str, tuple[str, str]]:
        definition = self._states.describe_state_machine(stateMachineArn=self._machine)[
            "definition"
        ]
        return names(json.loads(definition)["States"])


def names(states: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """By the name of a state: the row's key and the row's name.

    A task's key stands in the payload of its note. Taking the lock is a row of its own here, and
    so is each undoing.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, state in states.items():
        payload = state.get("Arguments", {}).get("Payload", {})
        if isinstance(payload, dict) and "step" in payload:
            title = name.removesuffix(": note")
            key = "begin" if payload["action"] == "begin" else payload["step"]
            if title.startswith("Undo"):
                key = f"undo {key}"
            for each in (name, title):
                if each in states:
                    found[each] = (key, title)
    return found


def rows(events: Iterable[Mapping[str, Any]], known: Mapping[str, tuple[str, str]]) -> list[Row]:
    """Return the rows of one execution from its history; a row ends when the next one begins."""
    found: list[Row] = []
    last = 0.0
    for event in events:
        last = event["timestamp"].timestamp()
        name = event.get("stateEnteredEventDetails", {}).get("name", "")
        if name not in known:
            continue
        step, title = known[name]
        if found and found[-1].step == step:
            continue
        if found:
            found[-1] = replace(found[-1], ended=last)
        found.append(Row(step=step, name=title, began=last, ended=last))
    if found:
        found[-1] = replace(found[-1], ended=last)
    return found


def blocked(found: list[Row]) -> list[Row]:
    """Return the rows while which writes were refused."""
    keys = [row.step for row in found]
    if FIRST_BLOCKED not in keys or LAST_BLOCKED not in keys:
        return []
    return found[keys.index(FIRST_BLOCKED) : keys.index(LAST_BLOCKED) + 1]
