"""A task state against the SDK's models: whether Step Functions would know what it calls.

The names of APIs are camelCase, and those of parameters PascalCase, whatever the service's own are
(AWS Step Functions Developer Guide, "Passing parameters to a service API"). What an expression
becomes is known when it runs: the interpreter checks it then, by the same rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.session import Session

_SESSION = Session()
_RESOURCE = re.compile(
    r"arn:aws:states:::(?P<sdk>aws-sdk:)?(?P<service>\w+):(?P<action>\w+)(?P<way>\.\S+)?"
)
# Where Step Functions' name of a service is not the SDK's in Python.
_SERVICES = {"elasticloadbalancingv2": "elbv2", "cloudwatchlogs": "logs", "sfn": "stepfunctions"}
# Integrations that Step Functions has made for a service, and how each may be waited for.
_OPTIMIZED = {
    ("lambda", "invoke"): ("", ".waitForTaskToken"),
    ("ecs", "runTask"): ("", ".sync", ".waitForTaskToken"),
    ("sns", "publish"): ("", ".waitForTaskToken"),
}
# What they take otherwise than the API: any JSON, or not at all.
_ANY_JSON = {"Invoke.Payload", "Publish.Message"}
_REFUSED = {"RunTask": {"StartedBy"}}  # which Step Functions sets itself
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


def objections(definition: str) -> list[str]:
    """What is wrong with the tasks of a definition in JSONata, each with its state's name."""
    states = json.loads(definition)["States"].items()
    return [
        f"{name}: {objection}"
        for name, state in states
        if state["Type"] == "Task"
        for objection in _of_task(state)
    ]


def _of_task(state: dict[str, Any]) -> Iterator[str]:
    found = _RESOURCE.fullmatch(state["Resource"])
    if found is None:
        yield f"'{state['Resource']}' is no integration of Step Functions"
        return
    service, action, way = found["service"], found["action"], found["way"] or ""
    ways = ("", ".waitForTaskToken") if found["sdk"] else _OPTIMIZED.get((service, action))
    if ways is None:
        yield f"'{service}:{action}' is no integration of Step Functions: is it aws-sdk's?"
        return
    if way not in ways:
        yield f"'{service}:{action}' knows no '{way}'"
    known = _SERVICES.get(service, service)
    if service in _SERVICES.values() or known not in _SESSION.get_available_services():
        yield f"Step Functions knows no service '{service}'"
        return
    operation = action[0].upper() + action[1:]
    model: Any = _SESSION.get_service_model(known)
    if not action[0].islower() or operation not in model.operation_names:
        yield f"'{service}' knows no action '{action}'"
        return
    given, shape = state.get("Arguments", {}), model.operation_model(operation).input_shape
    for name in sorted(_REFUSED.get(operation, set()) & set(given)):
        yield f"{operation} does not take '{name}' from a state"
    yield from _of_value(given, shape, operation)


def _of_value(value: Any, shape: Any, path: str) -> Iterator[str]:
    if path in _ANY_JSON or _is_expression(value):
        return
    if not _fits(value, _KINDS.get(shape.type_name, (object,))):
        yield f"{path} should be a {shape.type_name}, got {value!r}"
    elif shape.type_name == "structure":
        members = pascal(shape)
        for name in sorted(set(value) - set(members)):
            yield f"{path} knows no '{name}'"
        for name in shape.required_members:
            if _pascal(name) not in value:
                yield f"{path} needs '{_pascal(name)}'"
        for name in set(value) & set(members):
            yield from _of_value(value[name], members[name][1], f"{path}.{name}")
    elif shape.type_name == "list":
        for each in value:
            yield from _of_value(each, shape.member, f"{path}[]")
    elif shape.type_name == "map":
        for key, each in value.items():
            yield from _of_value(each, shape.value, f"{path}.{key}")
    elif (values := getattr(shape, "enum", None)) and value not in values:
        yield f"{path} should be one of {', '.join(values)}, got '{value}'"


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def sdk(service: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """A task's Arguments, evaluated, as the SDK takes them. Raises ValueError as AWS would."""
    model: Any = _SESSION.get_service_model(service)
    shape = model.operation_model(operation).input_shape
    if found := [*_of_value(given, shape, operation)]:
        raise ValueError("; ".join(found))
    return _renamed(given, shape)


def _renamed(value: Any, shape: Any) -> Any:
    if shape.type_name == "structure":
        members = pascal(shape)
        return {members[name][0]: _renamed(each, members[name][1]) for name, each in value.items()}
    if shape.type_name == "list":
        return [_renamed(each, shape.member) for each in value]
    return value


def pascal(shape: Any) -> dict[str, tuple[str, Any]]:
    """The members of a structure by Step Functions' names: the SDK's name, and the shape."""
    return {_pascal(name): (name, member) for name, member in shape.members.items()}


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")
