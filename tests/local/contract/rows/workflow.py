"""What runs by itself: state machines, schedules, parameters and documents."""

from __future__ import annotations

import json
from typing import Any

from local.waiting import wait_until
from tests.local.contract.row import (
    Row,
    Seen,
    att,
    part,
    ref,
    resource,
    role,
    tag,
    tags,
)


def _machine(seen: Seen) -> Any:
    """Its definition, and that it runs."""
    api = seen.aws("stepfunctions")
    found = api.describe_state_machine(stateMachineArn=seen.ref)
    run = api.start_execution(stateMachineArn=seen.ref, input="{}")["executionArn"]

    def ended() -> Any:
        execution = api.describe_execution(executionArn=run)
        return execution if execution["status"] != "RUNNING" else None

    execution = wait_until(ended, "the execution's end", pause=0.02)
    known = api.list_tags_for_resource(resourceArn=seen.ref)["tags"]
    return {
        "says": json.loads(execution["output"]),
        "logs": found["loggingConfiguration"]["level"],
        "traced": found["tracingConfiguration"]["enabled"],
        "who": next(t["value"] for t in known if t["key"] == "who"),
    }


def _definition(output: str) -> str:
    state = {"Type": "Pass", "Output": output, "End": True}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "One", "States": {"One": state}})


def _schedule(seen: Seen) -> Any:
    found = seen.aws("scheduler").get_schedule(Name=seen.ref, GroupName="contract-group")
    return {
        **part(found, "ScheduleExpression", "ScheduleExpressionTimezone", "State"),
        "window": found["FlexibleTimeWindow"]["Mode"],
        "input": found["Target"]["Input"],
    }


def _target(text: str) -> dict[str, Any]:
    return {"Arn": att("Queue", "Arn"), "RoleArn": att("Role", "Arn"), "Input": text}


def _group(seen: Seen) -> Any:
    found = seen.aws("scheduler").get_schedule_group(Name="contract-only")
    known = seen.aws("scheduler").list_tags_for_resource(ResourceArn=found["Arn"])["Tags"]
    return {"State": found["State"], "who": tag(known)}


def _parameter(seen: Seen) -> Any:
    found = seen.aws("ssm").get_parameter(Name=seen.ref)["Parameter"]
    return part(found, "Type", "Value")


def _document(seen: Seen) -> Any:
    found = seen.aws("ssm").get_document(Name=seen.ref)
    return {
        "says": json.loads(found["Content"])["description"],
        **part(found, "DocumentType", "DocumentVersion"),
    }


def _content(output: str) -> dict[str, Any]:
    return {"schemaVersion": "2.2", "description": output, "mainSteps": []}


_MACHINE = {"RoleArn": att("Role", "Arn"), "TracingConfiguration": {"Enabled": True}}

ROWS = [
    Row(
        kind="AWS::StepFunctions::StateMachine",
        beside={"Role": role("states")},
        properties={**_MACHINE, "DefinitionString": _definition("first"), "Tags": tags(who="a")},
        read=_machine,
        made={"says": "first", "logs": "OFF", "traced": True, "who": "a"},
        update={"DefinitionString": _definition("second"), "Tags": tags(who="b")},
        changed={"says": "second", "logs": "OFF", "traced": True, "who": "b"},
    ),
    Row(
        kind="AWS::Scheduler::Schedule",
        beside={
            "Role": role("scheduler"),
            "Queue": resource("AWS::SQS::Queue"),
            "Group": resource("AWS::Scheduler::ScheduleGroup", Name="contract-group"),
        },
        properties={
            "GroupName": ref("Group"),
            "ScheduleExpression": "cron(0 3 * * ? *)",
            "ScheduleExpressionTimezone": "America/New_York",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": _target("first"),
        },
        read=_schedule,
        made={
            "ScheduleExpression": "cron(0 3 * * ? *)",
            "ScheduleExpressionTimezone": "America/New_York",
            "State": "ENABLED",
            "window": "OFF",
            "input": "first",
        },
        update={"ScheduleExpression": "rate(1 hour)", "State": "DISABLED"},
        changed={
            "ScheduleExpression": "rate(1 hour)",
            "ScheduleExpressionTimezone": "America/New_York",
            "State": "DISABLED",
            "window": "OFF",
            "input": "first",
        },
    ),
    Row(
        kind="AWS::Scheduler::ScheduleGroup",
        properties={"Name": "contract-only", "Tags": tags(who="a")},
        read=_group,
        made={"State": "ACTIVE", "who": "a"},
        update={"Tags": tags(who="b")},
        changed={"State": "ACTIVE", "who": "b"},
    ),
    Row(
        kind="AWS::SSM::Parameter",
        properties={"Name": "/contract/one", "Type": "String", "Value": "first"},
        read=_parameter,
        made={"Type": "String", "Value": "first"},
        update={"Value": "second"},
        changed={"Type": "String", "Value": "second"},
    ),
    Row(
        kind="AWS::SSM::Document",
        properties={
            "Content": _content("first"),
            "DocumentType": "Command",
            "UpdateMethod": "NewVersion",
        },
        read=_document,
        made={"says": "first", "DocumentType": "Command", "DocumentVersion": "1"},
        update={"Content": _content("second")},
        changed={"says": "second", "DocumentType": "Command", "DocumentVersion": "2"},
    ),
]
