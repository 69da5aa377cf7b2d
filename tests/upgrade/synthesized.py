"""The definition that a template deploys, as Step Functions gets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_ACCOUNT = "123456789012"
OPERATORS = "operators"  # the topic
FUNCTION = f"arn:aws:lambda:us-east-1:{_ACCOUNT}:function:upgrade"


def definition_of(template: dict[str, Any]) -> str:
    """The one state machine's, with ARNs of nowhere in place of references."""
    [machine] = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    return _text(machine["DefinitionString"], template)


def definition_in(assembly: Path) -> str:
    """Return the definition in an assembly's folder with one upgrade stack."""
    [path] = [
        path
        for path in assembly.glob("*.template.json")
        if "AWS::StepFunctions::StateMachine" in path.read_text() and "pgrade" in path.name
    ]
    return definition_of(json.loads(path.read_text()))


def _text(value: Any, template: dict[str, Any]) -> str:
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return separator.join(_text(part, template) for part in parts)
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Fn::GetAtt": [name, "Arn"]}:
            assert template["Resources"][name]["Type"] == "AWS::Lambda::Function"
            return FUNCTION
        case {"Ref": name}:
            assert template["Resources"][name]["Type"] == "AWS::SNS::Topic"
            return f"arn:aws:sns:us-east-1:{_ACCOUNT}:{OPERATORS}"
        case {"Fn::ImportValue": name}:
            return name.rpartition(":")[2]
    raise AssertionError(f"no text for {value}")
