"""CloudFormation's side: one custom resource in each Region, which acts when it is created."""

from __future__ import annotations

import time
from typing import Any

import boto3

from functions.custom_resource.reply import reply_with
from functions.ended_task.reason import QUICKLY
from functions.first_start.tasks import Runner, run_all

# Kept back from the function's own time, for the answer.
_RESERVE_SECONDS = 20


def handler(event: dict[str, Any], context: Any) -> None:
    """Create runs the commands, one task after the other; Update and Delete change nothing.

    A system that has started once is operations' alone: no deploy may begin it again.
    """

    def work() -> tuple[str, dict[str, str]]:
        if event["RequestType"] != "Create":
            return event["PhysicalResourceId"], {}
        properties = event["ResourceProperties"]
        runner = Runner(
            boto3.client("ecs"),
            boto3.client("logs", config=QUICKLY),
            cluster=properties["Cluster"],
            task_definition=properties["TaskDefinition"],
            container=properties["Container"],
            subnets=properties["Subnets"],
            security_group=properties["SecurityGroup"],
        )
        seconds = context.get_remaining_time_in_millis() / 1_000 - _RESERVE_SECONDS
        run_all(runner, properties["Commands"], deadline=time.monotonic() + seconds)
        return f"first-start-of-{properties['TaskDefinition']}", {}

    reply_with(event, work)
