"""Step Functions calls services by the machine's role (Developer Guide, "IAM policies")."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from local.emulator.extension import inside
from local.emulator.extension.access import checks, judge, keys, sessions
from local.emulator.extension.access.actions import containers, messages, objects
from local.emulator.extension.access.asked import AskedOperation, UnknownCallError
from local.emulator.extension.access.checks import Check, each
from local.emulator.extension.registry import Made, Properties
from local.emulator.extension.wraps.around import after
from local.iam.verdict import Principal

# The execution that a thread works for: its state machine.
_MACHINE: ContextVar[str] = ContextVar("machine")

# What ends a task that has to be waited for reaches the machine by this rule of its account.
_RULE = "rule/StepFunctionsGetEventsForECSTaskRule"
_LOGS = (
    *("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery"),
    *("ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"),
)
# What the SDK calls a service -> what it is routed and signed by.
_SERVICES = {"sfn": "states", "cloudwatch": "monitoring", "cloudwatchlogs": "logs"}
_TRACES = ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets")


def install() -> None:
    states = inside.service("stepfunctions")
    states._run_execution = _acting(states, states._run_execution)
    states._invoke_resource = _judged(states, states._invoke_resource)
    states._poll_ecs_tasks = _awaited(states, states._poll_ecs_tasks)
    states._read_map_items = _read(states, states._read_map_items)
    states._run_distributed_map = _started(states, states._run_distributed_map)
    after("AWS::StepFunctions::StateMachine", _made)


def _session(machine: dict[str, Any]) -> Principal:
    arn = machine["stateMachineArn"]
    return sessions.assume(machine["roleArn"], "states.amazonaws.com", machine["name"], arn)


def _made(made: Made, old: Properties, new: Properties) -> None:
    """Step Functions tries the role when a machine is made."""
    machine = inside.service("stepfunctions")._state_machines[made.physical_id]
    judge.need(_session(machine), _of_machine(machine))


def _of_machine(machine: dict[str, Any]) -> Iterable[Check]:
    if "loggrouparn" in json.dumps(machine.get("loggingConfiguration")).lower():
        for action in _LOGS:
            yield Check(f"logs:{action}", "*")
    if (machine.get("tracingConfiguration") or {}).get("enabled"):
        for action in _TRACES:
            yield Check(f"xray:{action}", "*")
    if "ecs:runTask.sync" in machine["definition"]:
        place = ":".join(machine["stateMachineArn"].split(":")[3:5])
        for action in ("PutTargets", "PutRule", "DescribeRule"):
            yield Check(f"events:{action}", f"arn:aws:events:{place}:{_RULE}")


def _acting(states: Any, run: Any) -> Any:
    def acting(execution: str) -> Any:
        found = states._executions.get(execution)
        if found is not None:
            _MACHINE.set(found["stateMachineArn"])
        return run(execution)

    return acting


def _need(states: Any, name: str, checks: Iterable[Check]) -> None:
    """Raises the error that the state sees, such as ECS.AccessDeniedException."""
    try:
        judge.need(_session(states._state_machines[_MACHINE.get()]), checks)
    except judge.RefusedError as error:
        raise states._ExecutionError(f"{name}.AccessDeniedException", str(error)) from None


def _judged(states: Any, invoke: Any) -> Any:
    def invoked(resource: str, given: Any) -> Any:
        _need(states, _service(resource), _of_task(states, resource, given))
        return invoke(resource, given)

    return invoked


def _awaited(states: Any, poll: Any) -> Any:
    """A task that is waited for is asked about."""

    def awaited(cluster: str, tasks: list[str]) -> Any:
        _need(states, "ECS", each("ecs:DescribeTasks", tasks, {"ecs:cluster": cluster}))
        return poll(cluster, tasks)

    return awaited


def _service(resource: str) -> str:
    """Return what the errors of a task begin with."""
    names = {"ecs": "ECS", "sns": "SNS"}
    return names.get(resource.partition(":states:::")[2].partition(":")[0], "Lambda")


def _of_task(states: Any, resource: str, given: Any) -> Iterator[Check]:
    kind = resource.partition(":states:::")[2]
    if function := states._extract_lambda_ref(resource):
        yield Check("lambda:InvokeFunction", function)
    elif kind == "lambda:invoke":
        yield Check("lambda:InvokeFunction", given["FunctionName"])
    elif kind == "sns:publish":
        yield from messages.to_topic(given["TopicArn"])
    elif kind in ("ecs:runTask", "ecs:runTask.sync"):
        yield from containers.run_task(_arn, states._pascal_to_camel(given))
    else:
        # An operation of an API: with the SDK's own name of the service, or an optimized one's.
        service, _, operation = kind.removeprefix("aws-sdk:").partition(":")
        name = operation.partition(".")[0]
        yield from checks.of(
            AskedOperation(
                service=_SERVICES.get(service, service),
                operation=name[:1].upper() + name[1:],
                members=given,
                account=inside.account(),
                region=inside.region(),
            )
        )


def _arn(resource: str, service: str) -> str:
    return f"arn:aws:{service}:{inside.region()}:{inside.account()}:{resource}"


def _read(states: Any, read: Any) -> Any:
    """A Distributed Map's reader gets the object, and opens it."""

    def readers(reader: dict[str, Any], effective: Any, context: Any) -> Any:
        given = reader.get("Parameters") or reader.get("Arguments") or {}
        found = states._resolve_params_obj(given, effective, context)
        if not reader["Resource"].endswith("s3:getObject"):
            raise UnknownCallError(f"what {reader['Resource']} reads is not written down")
        bucket, key = found["Bucket"], found["Key"]
        needed = [
            Check("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"),
            *keys.through("s3", objects.object_key(bucket, key), "Decrypt"),
        ]
        _need(states, "S3", needed)
        return read(reader, effective, context)

    return readers


def _started(states: Any, run: Any) -> Any:
    """A Distributed Map starts its children as executions of the same machine."""

    def started(*arguments: Any) -> Any:
        _need(states, "StepFunctions", [Check("states:StartExecution", _MACHINE.get())])
        return run(*arguments)

    return started
