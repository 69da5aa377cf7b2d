"""`mainstay schedule list | run NAME`: what a clock starts, started by hand, as the clock would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from cli.command import EXIT_CODES, SETTINGS, as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError, NotDeployedError
from cli.output import answer

STACKS = ("backupjobs", "backupplan", "housekeeping", "readonly", "reporting")
_KIND = "AWS::Scheduler::Schedule"


@click.group(epilog=EXIT_CODES, context_settings=SETTINGS)
def schedule() -> None:
    """List what clocks start in a Region, and start one of it now."""


@schedule.command(name="list")
@as_json
@on_environment
def list_(deployed: Deployed, as_json: bool) -> None:
    """List the schedules, by the names that `run` takes."""
    for name, found in _schedules(deployed):
        value = {
            "name": name,
            "when": found["ScheduleExpression"],
            "what": found.get("Description", ""),
        }
        if as_json:
            answer(value, as_json=True)
        else:
            click.echo("  ".join(value.values()))


@schedule.command()
@click.argument("name")
@as_json
@on_environment
def run(deployed: Deployed, name: str, as_json: bool) -> None:
    """Start what a schedule starts, with its own role's target, network and input."""
    known = dict(_schedules(deployed))
    if name not in known:
        raise CommandRefusedError(f"'name' should be one of {', '.join(known)}, got '{name}'")
    answer({"schedule": name, "started": _start(deployed, known[name])}, as_json=as_json)


def _schedules(deployed: Deployed) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the short name and the description of each schedule of the Region."""
    scheduler, found = deployed.client("scheduler"), False
    for tier in STACKS:
        try:
            listed = [*deployed.resources(tier, _KIND)]
        except NotDeployedError:
            continue  # the other Region has it
        found = True
        for logical, physical in listed:
            short = logical.rpartition("Schedule")[0]
            yield f"{tier}/{short}", scheduler.get_schedule(Name=physical)
    if not found:
        raise NotDeployedError(f"no stack with a schedule in {deployed.region}")


def _start(deployed: Deployed, given: dict[str, Any]) -> str:
    """Start a schedule's target and return what was started: a task, an execution or a request."""
    target = given["Target"]
    arn, text = target["Arn"], target.get("Input", "{}")
    if ":states:" in arn:
        machine = deployed.client("stepfunctions")
        return machine.start_execution(stateMachineArn=arn, input=text)["executionArn"]
    if ":lambda:" in arn:
        function = deployed.client("lambda")
        found = function.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
        return found["ResponseMetadata"]["RequestId"]
    task = target["EcsParameters"]
    network = task["NetworkConfiguration"]["awsvpcConfiguration"]
    started = deployed.client("ecs").run_task(
        cluster=arn,
        taskDefinition=task["TaskDefinitionArn"],
        launchType=task.get("LaunchType", "FARGATE"),
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": network["Subnets"],
                "securityGroups": network.get("SecurityGroups", []),
                "assignPublicIp": network.get("AssignPublicIp", "DISABLED"),
            }
        },
        overrides=json.loads(text),
    )
    if not started["tasks"]:
        raise CommandRefusedError(f"no task was started: {started.get('failures')}")
    return started["tasks"][0]["taskArn"]
