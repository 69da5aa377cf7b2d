"""Records each distinct call that IAM judged since the start, how often, and with what result."""

from __future__ import annotations

import os
import threading
from typing import Any

from local.emulator.extension.access.checks import Check
from local.iam.verdict import Principal, Verdict

# `record` lets everything through and keeps the verdicts; `enforce` refuses what AWS would.
VARIABLE = "LOCAL_IAM"


class Record:
    """Calls by principal, action, resource and context; and calls that nobody could judge."""

    def __init__(self) -> None:
        self.enforced = os.environ.get(VARIABLE) == "enforce"
        self._lock = threading.Lock()
        self._calls: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._unknown: dict[tuple[str, str], int] = {}

    def add(self, principal: Principal, check: Check, verdict: Verdict) -> None:
        who = principal.role or principal.name
        context = {key: value for key, value in check.context.items() if value is not None}
        key = (who, check.action, check.resource, repr(sorted(context.items())))
        with self._lock:
            kept = self._calls.setdefault(
                key,
                {
                    "principal": who,
                    "name": principal.name,
                    "action": check.action,
                    "resource": check.resource,
                    "context": context,
                    "allowed": 0,
                    "denied": 0,
                    "why": "",
                    "grants": set(),
                },
            )
            kept["allowed" if verdict.allowed else "denied"] += 1
            kept["why"] = verdict.why or kept["why"]
            kept["grants"].update(verdict.grants)

    def unknown(self, who: str, what: str) -> None:
        """Keep a call of a role that nobody here can judge."""
        with self._lock:
            self._unknown[(who, what)] = self._unknown.get((who, what), 0) + 1

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()
            self._unknown.clear()

    def calls(self) -> list[dict[str, Any]]:
        """Return every distinct call, as JSON has it."""
        with self._lock:
            return [{**each, "grants": sorted(each["grants"])} for each in self._calls.values()]

    def unknowns(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"principal": who, "what": what, "times": times}
                for (who, what), times in self._unknown.items()
            ]


RECORD = Record()
