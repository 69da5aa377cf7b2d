"""EventBridge and its Scheduler reach a target: by the role that is named, or as themselves.

EventBridge User Guide, "Using resource-based policies" and "Permissions for targets": functions,
topics and queues of a rule answer by their own policies; all else, and every schedule, by a role.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import judge, sessions
from local.emulator.extension.access.actions import containers, messages
from local.emulator.extension.access.asked import UnknownCallError
from local.emulator.extension.access.checks import Check

_BY_THEMSELVES = ("lambda", "sns", "sqs")


def install() -> None:
    events = inside.service("eventbridge")
    events._invoke_target = _judged(events._invoke_target)


def _judged(invoke: Any) -> Any:
    def invoked(target: dict[str, Any], event: Any, rule: dict[str, Any], view: Any = None) -> Any:
        schedule = event.get("Source") == "aws.scheduler"
        service = f"{'scheduler' if schedule else 'events'}.amazonaws.com"
        kind, source = target["Arn"].split(":")[2], rule["Arn"]
        try:
            if kind in _BY_THEMSELVES and not schedule:
                whole = inside.account()
                by = {"aws:sourcearn": source, "aws:sourceaccount": whole}
                needed = (c._replace(context={**c.context, **by}) for c in _of(target))
                judge.need(judge.service(service), needed)
            else:
                name = source.rpartition("/")[2]
                who = sessions.assume(target["RoleArn"], service, name, source)
                judge.need(who, _of(target))
        except judge.RefusedError:
            return None  # AWS counts a failed invocation, and says no more
        return invoke(target, event, rule, view)

    return invoked


def _of(target: dict[str, Any]) -> Iterator[Check]:
    arn = target["Arn"]
    kind = arn.split(":")[2]
    if kind == "lambda":
        yield Check("lambda:InvokeFunction", arn)
    elif kind == "sns":
        yield from messages.to_topic(arn)
    elif kind == "sqs":
        yield from messages.to_queue(arn, "SendMessage")
    elif kind == "states":
        yield Check("states:StartExecution", arn)
    elif kind == "ecs":
        definition = target["EcsParameters"]["TaskDefinitionArn"]
        yield from containers.run_task(None, {"cluster": arn, "taskDefinition": definition})
    else:
        raise UnknownCallError(f"what a target such as {arn} needs is written down by nobody")
