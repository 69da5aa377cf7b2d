"""The table as states of AWS Step Functions, in JSONata; every state is made from a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from mainstay.upgrade.rows import ADDITIVE, BREAKING, Action, Operation, Step, Undo
from mainstay.upgrade.steps import STEPS
from mainstay.upgrade.undos import ALWAYS, REGISTERED_AS, UNDOS

# The state that lists what the undoing could not do, and goes on behind the row that failed.
OWE = "Undo: owe"

_INPUT = "$states.context.Execution.Input"
# Asking again changes none of these: they end the row at once.
_FINAL = ("RefusedError", "EpochStolenError", "SupersededError", "FailedError", "LockHeldError")
_NOT_YET = "NotYetError"
UPGRADED, ROLLED_BACK = "upgraded", "rolled back"  # how a plan ended
# The function asks for 8 s within a call (functions.upgrade.conduct) before the next retry.
_PAUSE_SECONDS, _CALL_SECONDS = 2, 10
_FUNCTION_TIMEOUT = cdk.Duration.seconds(60)


@dataclass(frozen=True, kw_only=True)
class OperationsRun:
    """Where the tasks of operations run."""

    cluster_arn: str
    container: str
    subnet_ids: Sequence[str]
    security_group_id: str


class Definition(Construct):
    """`first` is the start of the chain; every other state hangs on it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.IFunction,
        operations: OperationsRun,
        operators: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._function, self._operations = function, operations
        stopped = self._stop(operators)
        rolled_back = sfn.Fail.jsonata(
            self,
            "Rolled back",
            error="Upgrade.RolledBack",
            cause="{% $facts.reason %}",
            comment="Everything is as it was before",
        )
        upgraded = sfn.Succeed.jsonata(self, "Upgraded")
        refused = sfn.Fail.jsonata(
            self,
            "Refused",
            error="Upgrade.Refused",
            cause="{% $string($error) %}",
            comment="Nothing was changed, or another execution runs",
        )
        decide = self._invoke(
            "Back or stop", {"action": "decide", "step": "decide", "error": "{% $error %}"}, {}
        )
        self._retry(decide, bound_seconds=60)
        decide.add_catch(refused, errors=["SupersededError"])
        _catch(decide, stopped, keep=True)
        undo = self._undoing(decide, stopped, rolled_back)
        ways = sfn.Choice.jsonata(self, "Which way")
        ways.when(_when("$facts.go = 'back'"), undo)
        ways.when(_when(f"$facts.go = '{UPGRADED}'"), upgraded)
        ways.when(_when(f"$facts.go = '{ROLLED_BACK}'"), rolled_back)
        ways.otherwise(stopped)
        decide.next(ways)
        self.first = self._begin(decide, undo, upgraded, rolled_back)

    def _begin(
        self,
        decide: sfn.TaskStateBase,
        undo: sfn.State,
        upgraded: sfn.State,
        rolled_back: sfn.State,
    ) -> sfn.TaskStateBase:
        """Take the lock, then go to the row that the plan names. Return the first state."""
        begin = self._invoke(
            "Take the lock",
            {
                "action": "begin",
                "step": STEPS[0].key,
                "intent": _given("intent", "go"),
                "image": _given("image", ""),
                "by": _given("by", "nobody"),
                "bake_seconds": _given("bake_seconds", 240),
                "class": _given("class", BREAKING),
                "take_mode": _given("take_mode", False),
                "without": _given("without", []),
            },
            {},
        )
        self._retry(begin, bound_seconds=60)
        _catch(begin, decide)
        where = sfn.Choice.jsonata(self, "Where it was left")
        where.when(_when(f"$facts.outcome = '{UPGRADED}'"), upgraded)
        where.when(_when("$facts.way = 'ended'"), rolled_back)
        where.when(_when("$facts.way = 'back'"), undo)
        starts: dict[str, sfn.State] = {}
        behind: dict[str, sfn.State] = dict.fromkeys((BREAKING, ADDITIVE), upgraded)
        for step in reversed(STEPS):
            start = starts[step.key] = self._row(step, self._parting(step, behind), decide)
            behind.update(dict.fromkeys((step.only,) if step.only else behind, start))
        for step in STEPS[1:]:
            where.when(_when(f"$facts.at = '{step.key}'"), starts[step.key])
        where.otherwise(starts[STEPS[0].key])
        begin.next(where)
        return begin

    def _parting(self, step: Step, behind: Mapping[str, sfn.State]) -> sfn.State:
        """Return what follows a row: by the release's class, where that makes a difference."""
        breaking, additive = behind[BREAKING], behind[ADDITIVE]
        if step.only is not None or breaking is additive:
            return behind[step.only or BREAKING]
        parts = sfn.Choice.jsonata(self, f"Which class, after: {step.name}")
        parts.when(_when(f"$facts.class = '{ADDITIVE}'"), additive)
        return parts.otherwise(breaking)

    def _row(self, step: Step, following: sfn.State, decide: sfn.State) -> sfn.State:
        """Make the states of a row, before `following`; return the first of them."""
        payload: dict[str, Any] = {"step": step.key}
        if step.undo is not None:
            payload["undo"] = step.undo
        match step.by:
            case Operation(command=command):
                return self._operation(step.name, step, payload, command, following, decide)
            case Action(name=action, arguments=arguments):
                state = self._call(
                    step, {**payload, "action": action, "arguments": arguments}, decide
                )
                state.next(following)
                return state

    def _call(self, step: Step, payload: dict[str, Any], decide: sfn.State) -> sfn.TaskStateBase:
        state = self._invoke(step.name, payload, {"comment": f"{step.number}. {step.words}"})
        self._retry(state, bound_seconds=step.bound_seconds)
        _catch(state, decide)
        return state

    def _undoing(self, decide: sfn.State, stopped: sfn.State, rolled_back: sfn.State) -> sfn.State:
        """Make the compensations in their order, then one last look; return the first of them."""
        confirm = self._invoke(
            "Undo: confirm",
            {"action": "confirm", "step": "confirm", "always": True},
            {"comment": "Everything is as it was, or the lock stays"},
        )
        self._retry(confirm, bound_seconds=300)
        _catch(confirm, decide)  # its answer may be lost after it has released the lock
        owe = self._invoke(
            OWE, {"action": "owe", "step": "{% $owed %}", "error": "{% $error %}"}, {}
        )
        self._retry(owe, bound_seconds=60)
        _catch(owe, stopped, keep=True)
        behind = sfn.Choice.jsonata(self, f"{OWE}: go on")
        following: sfn.State = confirm
        confirm.next(rolled_back)
        for undo in reversed(UNDOS):
            if undo.serves:
                following = self._undo(undo, following, stopped)
                continue
            behind.when(_when(f"$owed = '{undo.key}'"), following)
            following = self._undo(undo, following, owe)
        behind.otherwise(confirm)
        owe.next(behind)
        return following

    def _undo(self, undo: Undo, following: sfn.State, failed: sfn.State) -> sfn.State:
        payload = {
            "step": undo.key,
            "guarded": False,
            "registered_as": REGISTERED_AS.get(undo.key, undo.key),
            "always": undo.key in ALWAYS,
        }
        if isinstance(undo.by, Operation):
            first = self._operation(undo.name, undo, payload, undo.by.command, following, failed)
            needed = sfn.Choice.jsonata(self, f"{undo.name}?")
            needed.when(_when(f"$facts.{undo.key}"), first).otherwise(following)
            return needed
        state = self._invoke(undo.name, {**payload, "action": undo.by.name}, {"comment": undo.does})
        self._retry(state, bound_seconds=undo.bound_seconds)
        _catch(state, failed, owed=undo.key)
        state.next(following)
        return state

    def _operation(
        self,
        name: str,
        row: Step | Undo,
        payload: dict[str, Any],
        command: Sequence[str],
        following: sfn.State,
        failed: sfn.State,
    ) -> sfn.State:
        """Note the row, then run the task: two states, since a task cannot register its undoing."""
        note = self._invoke(
            f"{name}: note", {**payload, "action": "note", "command": list(command)}, {}
        )
        self._retry(note, bound_seconds=60)
        _catch(note, failed, owed=row.key)
        # L2 `EcsRunTask` runs a definition that the template knows; the release's revision is
        # known when it runs.
        run = sfn.CustomState(
            self,
            name,
            state_json={
                "Type": "Task",
                "QueryLanguage": "JSONata",
                "Comment": row.does,
                "Resource": "arn:aws:states:::ecs:runTask.sync",
                "TimeoutSeconds": row.bound_seconds,
                "Arguments": {
                    "Cluster": self._operations.cluster_arn,
                    "TaskDefinition": "{% $facts.operations %}",
                    "LaunchType": "FARGATE",
                    # Step Functions sets StartedBy itself; the group is how its tasks are found.
                    "Group": f"{{% 'upgrade:' & {_INPUT}.upgrade %}}",
                    "NetworkConfiguration": {
                        "AwsvpcConfiguration": {
                            "Subnets": list(self._operations.subnet_ids),
                            "SecurityGroups": [self._operations.security_group_id],
                            "AssignPublicIp": "DISABLED",
                        }
                    },
                    "Overrides": {
                        "ContainerOverrides": [
                            {
                                "Name": self._operations.container,
                                "Command": "{% $facts.command %}",
                                "Environment": "{% $facts.variables %}",
                            }
                        ]
                    },
                },
                "Output": "{% {} %}",
                # Every operation may be run again; one that is still running holds the next off.
                "Retry": [
                    {
                        "ErrorEquals": ["States.TaskFailed"],
                        "IntervalSeconds": _PAUSE_SECONDS,
                        "MaxAttempts": 2,
                        "BackoffRate": 2,
                    }
                ],
            },
        )
        operation = f"{{'Operation': '{' '.join(command)}'}}"
        caught = f"{{% $merge([$states.errorOutput, {operation}]) %}}"
        run.add_catch(failed, errors=["States.ALL"], assign={"error": caught, "owed": row.key})
        note.next(run)
        run.next(following)
        return note

    def _stop(self, operators: sns.ITopic) -> sfn.State:
        """Hold the lock, and READ_ONLY in its window; notify people. Return the first state."""
        # Its answer has the error in words; without it, the notice has what was caught.
        stop = self._invoke(
            "Stop",
            {"action": "stopped", "step": "stopped", "error": "{% $error %}"},
            {},
            keeps={"error": "{% $states.result.Payload.error %}"},
        )
        self._retry(stop, bound_seconds=60)
        notify = tasks.SnsPublish.jsonata(
            self,
            "Notify the operators",
            topic=operators,
            subject="mainstay: an upgrade has stopped",
            message=sfn.TaskInput.from_object(
                {
                    "upgrade": f"{{% {_INPUT}.upgrade %}}",
                    "why": "{% $string($error) %}",
                    "next": "docs/runbooks/upgrade.md: `mainstay upgrade status`, then resume or "
                    "abort; logins go on",
                }
            ),
            outputs="{% {} %}",
        )
        end = sfn.Fail.jsonata(
            self,
            "Stopped",
            error="Upgrade.Stopped",
            cause="{% $string($error) %}",
            comment="The lock is held: a person resumes or aborts",
        )
        _catch(stop, notify, keep=True)
        notify.add_retry(
            errors=["States.ALL"], interval=cdk.Duration.seconds(_PAUSE_SECONDS), max_attempts=3
        )
        _catch(notify, end, keep=True)
        stop.next(notify)
        notify.next(end)
        return stop

    def _invoke(
        self,
        name: str,
        payload: Mapping[str, Any],
        settings: dict[str, Any],
        *,
        keeps: Mapping[str, str] = MappingProxyType({}),
    ) -> tasks.LambdaInvoke:
        return tasks.LambdaInvoke.jsonata(
            self,
            name,
            lambda_function=self._function,
            payload=sfn.TaskInput.from_object(
                {
                    **payload,
                    "upgrade": f"{{% {_INPUT}.upgrade %}}",
                    "execution": "{% $states.context.Execution.Id %}",
                }
            ),
            retry_on_service_exceptions=False,  # `_retry` sets on which, and how often
            task_timeout=sfn.Timeout.duration(_FUNCTION_TIMEOUT),
            assign={"facts": "{% $states.result.Payload %}", **keeps},
            outputs="{% {} %}",
            **settings,
        )

    def _retry(self, state: sfn.TaskStateBase, *, bound_seconds: int) -> None:
        pause = cdk.Duration.seconds(_PAUSE_SECONDS)
        state.add_retry(errors=list(_FINAL), max_attempts=0)
        state.add_retry(
            errors=[_NOT_YET],
            interval=pause,
            max_attempts=ceil(bound_seconds / _CALL_SECONDS),
            backoff_rate=1,
        )
        state.add_retry(errors=["States.ALL"], interval=pause, max_attempts=3, backoff_rate=2)


def _catch(
    state: sfn.TaskStateBase, to: sfn.State, *, keep: bool = False, owed: str | None = None
) -> None:
    """Go `to` a state on any error; `keep` keeps the error that was assigned before.

    `owed` is the key of the row that failed.
    """
    assign = None if keep else {"error": "{% $states.errorOutput %}"}
    if owed is not None:
        assign = {**(assign or {}), "owed": owed}
    state.add_catch(to, errors=["States.ALL"], assign=assign)


def _given(name: str, default: Any) -> str:
    literal = repr(default).lower() if isinstance(default, bool) else repr(default)  # [] is JSON
    return f"{{% $exists({_INPUT}.{name}) ? {_INPUT}.{name} : {literal} %}}"


def _when(condition: str) -> sfn.Condition:
    return sfn.Condition.jsonata(f"{{% {condition} %}}")
