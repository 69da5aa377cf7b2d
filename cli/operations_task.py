"""The one-off task in which operations on the databases run: started, followed, read to its end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from cli.deployed import Deployed
from cli.errors import CommandRefusedError, InterruptionError, NotDeployedError
from cli.output import answer
from functions.ended_task import reason
from functions.upgrade import services

_POLL_SECONDS = 2.0
# The log's last lines may come after the task's end (Amazon CloudWatch Logs delivers in seconds).
_LAST_LINES_SECONDS = 15.0
_ANSWERS = ("answer", "failed")  # keys of an operation's last line


class OperationsTaskRunner:
    """A Region's task of operations, with all that it needs to run found by the stacks' names."""

    def __init__(
        self,
        deployed: Deployed,
        *,
        as_json: bool,
        show: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.deployed, self.as_json = deployed, as_json
        self.show = show or (lambda value: answer(value, as_json=as_json))
        self.family = f"mainstay-{deployed.name}-operations"
        self.ecs, self.logs = deployed.client("ecs"), deployed.client("logs")
        self.answered = False

    def run(self, command: list[str], *, wait: float) -> int:
        """Start a task, print its lines as they come, and return the exit code of its end.

        Raises CommandRefusedError where no task starts or it dies, and InterruptionError after
        `wait` seconds or at Ctrl-C; the task goes on.
        """
        cluster = self._cluster()
        [container] = self._definition()["containerDefinitions"]
        arn = self._started(cluster, container["name"], command)
        goes_on = f"the task goes on: aws ecs stop-task --cluster {cluster} --task {arn} ends it"
        where = container["logConfiguration"]["options"]
        stream = f"{where['awslogs-stream-prefix']}/{container['name']}/{arn.rpartition('/')[2]}"
        lines = self._lines(where["awslogs-group"], stream)
        click.echo(f"task {arn}, log stream {stream}", err=True)
        try:
            task = self._ended(cluster, arn, lines, wait=wait)
        except KeyboardInterrupt:
            raise InterruptionError(goes_on) from None
        if task is None:
            raise InterruptionError(f"not ended within {wait:.0f} s; {goes_on}")
        return self._exit_code(task, container["name"])

    @contextmanager
    def of_image(self, image: str) -> Iterator[None]:
        """Let tasks be of another image meanwhile: by a definition that nothing else runs."""
        was, shape = self.family, services.shaped(self._definition(), image)
        made = self.ecs.register_task_definition(**{**shape, "family": f"{was}-plan"})
        self.family = made["taskDefinition"]["taskDefinitionArn"]
        try:
            yield
        finally:
            self.ecs.deregister_task_definition(taskDefinition=self.family)
            self.family = was

    def _cluster(self) -> str:
        for _, name in self.deployed.resources("operations", "AWS::ECS::Cluster"):
            return name
        raise NotDeployedError(f"'{self.deployed.stack('operations')}' has no cluster")

    def _definition(self) -> dict[str, Any]:
        return self.ecs.describe_task_definition(taskDefinition=self.family)["taskDefinition"]

    def _network(self) -> dict[str, Any]:
        """Return the app tier's subnets and the operations' security group."""
        groups = [
            physical
            for logical, physical in self.deployed.resources("network", "AWS::EC2::SecurityGroup")
            if logical.startswith("NetworkGroupsOperations")
        ]
        tags = {"mainstay:environment": self.deployed.name, "mainstay:tier": "app"}
        filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
        found = self.deployed.client("ec2").describe_subnets(Filters=filters)["Subnets"]
        if not (groups and found):
            raise NotDeployedError(f"'{self.deployed.stack('network')}' lacks subnets or a group")
        return {
            "subnets": sorted(each["SubnetId"] for each in found),
            "securityGroups": groups,
            "assignPublicIp": "DISABLED",
        }

    def _started(self, cluster: str, container: str, command: list[str]) -> str:
        found = self.ecs.run_task(
            cluster=cluster,
            taskDefinition=self.family,
            launchType="FARGATE",
            # At most 128 letters, numbers and -_/. (RunTask, startedBy).
            startedBy=re.sub(r"[^\w./-]", "-", self.deployed.by, flags=re.ASCII)[:128],
            networkConfiguration={"awsvpcConfiguration": self._network()},
            overrides={"containerOverrides": [{"name": container, "command": command}]},
        )
        if not found["tasks"]:
            raise CommandRefusedError(f"{self.family}: {reason.not_started(found)}")
        return found["tasks"][0]["taskArn"]

    def _ended(
        self, cluster: str, arn: str, lines: Iterator[None], *, wait: float
    ) -> dict[str, Any] | None:
        """Return the task when it has stopped, or None after `wait` seconds."""
        limit = time.monotonic() + wait
        while time.monotonic() < limit:
            # A task that was started a moment ago may not be known yet.
            tasks = self.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
            next(lines)
            if tasks and tasks[0]["lastStatus"] == "STOPPED":
                last = time.monotonic() + _LAST_LINES_SECONDS
                while _ran(tasks[0]) and not self.answered and time.monotonic() < last:
                    time.sleep(_POLL_SECONDS)
                    next(lines)
                return tasks[0]
            time.sleep(_POLL_SECONDS)
        return None

    def _exit_code(self, task: dict[str, Any], container: str) -> int:
        """Return the operation's own; an end without its answer raises, with why."""
        codes = {each["name"]: each.get("exitCode") for each in task["containers"]}
        code = codes.get(container)
        if code in (1, 2) and self.answered:
            return code
        if code == 0:
            if not self.answered:
                click.echo("its last lines have not come to its log yet", err=True)
            return code
        # Its last lines were waited for.
        why = reason.failure(task, ecs=self.ecs, logs=self.logs, pause=lambda _: None)
        if code != 2:
            raise CommandRefusedError(why)
        click.echo(why, err=True)
        return code

    def _lines(self, group: str, stream: str) -> Iterator[None]:
        """Print what is new in a log stream each time that the next one is asked for."""
        given: dict[str, Any] = {"logGroupName": group, "logStreamName": stream}
        while True:
            try:
                found = self.logs.get_log_events(**given, startFromHead=True)
            except self.logs.exceptions.ResourceNotFoundException:
                found = {"events": []}  # nothing was printed yet
            for event in found["events"]:
                self._print(event["message"].rstrip("\n"))
            token = found.get("nextForwardToken", given.get("nextToken"))
            if token == given.get("nextToken"):  # the end, for now
                yield
            elif token:
                given["nextToken"] = token

    def _print(self, line: str) -> None:
        """Print an operation's JSON on standard output, and the statements on standard error."""
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            click.echo(line, err=True)
            return
        self.answered = self.answered or any(key in value for key in _ANSWERS)
        self.show(value)


def _ran(task: dict[str, Any]) -> bool:
    return any(each.get("exitCode") is not None for each in task["containers"])
