"""Keeps processes equal to what ECS wants, and target groups equal to the processes.

Level-triggered: each step compares what should run with what runs, whatever happened between, so
a missed event, a killed process or a restart of the reconciler changes nothing in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from local.desired_state import DesiredState, Task
from local.running_task import RunningTask
from local.target import LocalTarget
from local.task_credentials import TaskCredentials
from local.task_logs import TaskLogs

_Member = tuple[str, str, str, int]  # Region, target group, address, port


class Reconciler:
    """`address` translates a variable's value: a load balancer's name into its front's address."""

    def __init__(
        self,
        desired: DesiredState,
        *,
        target: LocalTarget,
        authority: Path,
        address: Callable[[str], str],
        credentials: TaskCredentials,
    ) -> None:
        self._desired, self._target = desired, target
        self._authority, self._address = authority, address
        self.running: dict[str, RunningTask] = {}  # by the task's ARN
        self._credentials = credentials
        self._logs = TaskLogs(desired.client, target.folder)
        self._reported: set[str] = set()  # ARNs of tasks that ECS knows to run

    def step(self, wanted: Sequence[Task]) -> None:
        """Start what is wanted and missing, stop what is not wanted, register what listens."""
        by_arn = {task.arn: task for task in wanted}
        for arn, task in by_arn.items():
            if arn not in self.running:
                self.running[arn] = RunningTask(
                    task,
                    target=self._target,
                    authority=self._authority,
                    address=self._address,
                    credentials=self._credentials,
                )
        for arn, one in list(self.running.items()):
            one.advance()
            if one.task.service is None:
                self._logs.send(one.task, ended=one.state == "ended")
            if one.state == "ended":
                self._report(one)
            if one.state == "gone":
                self._logs.forget(one.task)
                del self.running[arn]
        leaving = {
            arn
            for arn, one in self.running.items()
            if arn not in by_arn and one.state not in ("stopping", "gone")
        }
        # First no new request, then the signal: a server refuses connections once it has it.
        healthy = self._register(by_arn, leaving)
        for arn in leaving:
            self.running[arn].stop()
        self._reported &= by_arn.keys()
        for arn in by_arn.keys() - self._reported:
            if _runs(self.running[arn], healthy):
                self._report_running(self.running[arn])

    def stop(self) -> None:
        """Ask everything to end; `step` with nothing wanted brings it to its end."""
        for one in self.running.values():
            one.stop()

    def _register(self, wanted: dict[str, Task], leaving: set[str]) -> set[_Member]:
        """Each target group holds what listens of its services, and nothing else of this machine.

        A task that leaves is deregistered before it has ended, so no request is sent to it.
        Returns the targets that were healthy.
        """
        belongs: dict[tuple[str, str], set[tuple[str, int]]] = {}
        for task in wanted.values():
            for entry in task.registrations:
                belongs.setdefault((task.region, entry.target_group), set())
        for arn, one in self.running.items():
            for entry in one.task.registrations:
                members = belongs.setdefault((one.task.region, entry.target_group), set())
                if arn not in leaving and one.state == "serving":
                    members.add((one.address, entry.port))
        return {
            (region, group, *member)
            for (region, group), members in belongs.items()
            for member in self._set_targets(region, group, members)
        }

    def _set_targets(
        self, region: str, group: str, members: set[tuple[str, int]]
    ) -> set[tuple[str, int]]:
        """Returns those of them that the load balancer found healthy before."""
        elbv2 = self._desired.client("elbv2", region)
        try:
            described = elbv2.describe_target_health(TargetGroupArn=group)
        except elbv2.exceptions.TargetGroupNotFoundException:
            return set()  # deleted between the two looks; the next step does not name it
        entries = described["TargetHealthDescriptions"]
        there = {_key(entry["Target"]) for entry in entries}
        if added := members - there:
            elbv2.register_targets(TargetGroupArn=group, Targets=_targets(added))
        if left := there - members:
            elbv2.deregister_targets(TargetGroupArn=group, Targets=_targets(left))
        healthy = {_key(e["Target"]) for e in entries if e["TargetHealth"]["State"] == "healthy"}
        return healthy & members

    def _report_running(self, one: RunningTask) -> None:
        """As its agent would: only then does ECS end the task that this one replaces."""
        self._desired.client("ecs", one.task.region).submit_task_state_change(
            cluster=one.task.cluster, task=one.task.arn, status="RUNNING"
        )
        self._reported.add(one.task.arn)

    def _report(self, one: RunningTask) -> None:
        """Report to ECS, as its agent would, how a task without a service has ended."""
        ecs = self._desired.client("ecs", one.task.region)
        containers = [
            {"containerName": name, "exitCode": code, "status": "STOPPED"}
            for name, code in one.exit_codes().items()
        ]
        names = {"cluster": one.task.cluster, "task": one.task.arn}
        ecs.submit_task_state_change(**names, status="STOPPED", containers=containers)
        # An endpoint that takes the report and keeps nothing would have the task run for ever.
        tasks = ecs.describe_tasks(cluster=names["cluster"], tasks=[names["task"]])["tasks"]
        if any(task["lastStatus"] != "STOPPED" for task in tasks):
            ecs.stop_task(**names, reason="Essential container in task exited")


def _runs(one: RunningTask, healthy: set[_Member]) -> bool:
    """Return whether it serves, and each of its load balancers has found that out."""
    return one.state == "serving" and all(
        (one.task.region, entry.target_group, one.address, entry.port) in healthy
        for entry in one.task.registrations
    )


def _key(target: dict[str, Any]) -> tuple[str, int]:
    return target["Id"], int(target.get("Port", 0))


def _targets(keys: set[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"Id": address, "Port": port} for address, port in sorted(keys)]
