"""States of the machine as AWS Step Functions itself would do them, with mocked answers.

Each is a call of TestState (AWS Step Functions API Reference) with the whole definition: nothing
is run, no role is needed, and what AWS answers is what a state does with its input.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:mainstay-test-upgrade:release-2-1"
_CONTEXT = {
    "Execution": {
        "Id": _EXECUTION,
        "Name": "release-2-1",
        "RoleArn": "arn:aws:iam::123456789012:role/machine",
        "StartTime": "2026-11-25T12:00:00Z",
        "Input": {"upgrade": "release-2", "image": "app:2", "by": "a test"},
    }
}
_FACTS = {
    "operations": "arn:aws:ecs:us-east-1:123456789012:task-definition/operations:2",
    "database": True,
    "reason": "FailedError: the new code fails",
    "command": ["python", "-m", "service.operations", "upgrade", "migrate"],
    "variables": [{"Name": "UPGRADE_IMAGE", "Value": "app:2"}],
}
_PRIMARY = "Upgrade the primary master"


@dataclass(frozen=True, kw_only=True)
class RealState:
    """One call. `result` or `error` is what the task answers; `retried` how often it was already.

    `status` and `next` are what AWS returns; `keeps` what the variables have to hold then, and
    `fails` the error that the state ends the execution with.
    """

    state: str
    status: str = "SUCCEEDED"
    next: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None
    error: str = ""
    retried: int | None = None
    keeps: dict[str, Any] = field(default_factory=dict)
    fails: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.error or self.status} -> {self.next or 'the end'}"

    def call(self, definition: str) -> dict[str, Any]:
        """The parameters of TestState."""
        request: dict[str, Any] = {
            "definition": definition,
            "stateName": self.state,
            "input": "{}",
            "context": json.dumps(_CONTEXT),
            "variables": json.dumps(
                {
                    "facts": {**_FACTS, **self.facts},
                    "error": {"Error": "FailedError", "Cause": "the new code fails"},
                }
            ),
            "inspectionLevel": "DEBUG",
        }
        if self.result is not None:
            # What an optimized integration returns is not its API's own answer.
            request["mock"] = {
                "result": json.dumps(self.result),
                "fieldValidationMode": "NONE",
            }
        if self.error:
            request["mock"] = {"errorOutput": {"error": self.error, "cause": "a test"}}
        if self.retried is not None:
            request["stateConfiguration"] = {"retrierRetryCount": self.retried}
        return request


def _answer(**payload: Any) -> dict[str, Any]:
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload}


REAL_STATES = (
    RealState(
        state="Take the lock",
        result=_answer(at="release", way="forward", outcome=""),
        next="Where it was left",
        keeps={"facts": {"at": "release", "way": "forward", "outcome": ""}},
    ),
    RealState(
        state="Take the lock", error="RefusedError", status="CAUGHT_ERROR", next="Back or stop"
    ),
    RealState(state="Register the release", error="NotYetError", retried=0, status="RETRIABLE"),
    RealState(
        state="Register the release",
        error="NotYetError",
        retried=12,
        status="CAUGHT_ERROR",
        next="Back or stop",
    ),
    RealState(
        state="Where it was left",
        facts={"at": "migrate", "way": "forward", "outcome": ""},
        next=f"{_PRIMARY}: note",
    ),
    RealState(
        state="Where it was left",
        facts={"at": "migrate", "way": "back", "outcome": ""},
        next="Undo: end what still runs",
    ),
    RealState(
        state=_PRIMARY,
        result={"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]},
        next="Upgrade the offline app servers",
    ),
    RealState(state=_PRIMARY, error="States.TaskFailed", retried=0, status="RETRIABLE"),
    RealState(state=_PRIMARY, error="States.Timeout", status="CAUGHT_ERROR", next="Back or stop"),
    RealState(
        state="Undo: the primary master as it was?",
        facts={"database": False},
        next="Undo: read-write mode",
    ),
    RealState(state="Which way", facts={"go": "stop"}, next="Stop"),
    RealState(state="Notify the operators", result={"MessageId": "1"}, next="Stopped"),
    RealState(state="Stopped", status="FAILED", fails="Upgrade.Stopped"),
    RealState(state="Rolled back", status="FAILED", fails="Upgrade.RolledBack"),
    RealState(state="Upgraded"),
)
