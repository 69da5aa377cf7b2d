"""Keeps processes equal to what ECS says, and target groups equal to the processes.

Level-triggered: each step compares what should run with what runs, whatever happened between, so
a missed event, a killed process or a restart of the reconciler changes nothing in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from local.running_task import RunningTask
from local.target import Target
from local.world import Task, World


class Reconciler:
    """`address` translates a variable's value: a load balancer's name into its front's address."""

    def __init__(
        self,
        world: World,
        *,
        target: Target,
        authority: Path,
        address: Callable[[str], str],
    ) -> None:
        self._world, self._target = world, target
        self._authority, self._address = authority, address
        self.running: dict[str, RunningTask] = {}  # by the task's ARN

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
                )
        for arn, one in list(self.running.items()):
            one.advance()
            if one.state == "ended":
                self._report(one)
            if one.state == "gone":
                del self.running[arn]
        leaving = self._leaving(by_arn)
        # First no new request, then the signal: a server refuses connections once it has it.
        self._register(by_arn, leaving)
        for arn in leaving:
            self.running[arn].stop()

    def _leaving(self, wanted: dict[str, Task]) -> set[str]:
        """What is to stop now: of a service's old tasks as many as have a successor that serves.

        ECS as it is emulated calls a replacement running at once, and its predecessor stopped;
        a service would be without servers until those have started.
        """
        missing: dict[object, int] = {}
        for arn, task in wanted.items():
            if self.running[arn].state != "serving":
                missing[task.home] = missing.get(task.home, 0) + 1
        leaving = set()
        for arn, one in self.running.items():
            if arn in wanted or one.state in ("stopping", "gone"):
                continue
            if one.state == "serving" and one.task.service and missing.get(one.task.home, 0) > 0:
                missing[one.task.home] -= 1
            else:
                leaving.add(arn)
        return leaving

    def stop(self) -> None:
        """Ask everything to end; `step` with nothing wanted brings it to its end."""
        for one in self.running.values():
            one.stop()

    def _register(self, wanted: dict[str, Task], leaving: set[str]) -> None:
        """Each target group holds what listens of its services, and nothing else of this machine.

        A task that leaves is deregistered before it has ended, so no request is sent to it.
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
        for (region, group), members in belongs.items():
            self._set_targets(region, group, members)

    def _set_targets(self, region: str, group: str, members: set[tuple[str, int]]) -> None:
        elbv2 = self._world.client("elbv2", region)
        try:
            described = elbv2.describe_target_health(TargetGroupArn=group)
        except elbv2.exceptions.TargetGroupNotFoundException:
            return  # deleted between the two looks; the next step does not name it
        there = {_key(entry["Target"]) for entry in described["TargetHealthDescriptions"]}
        if added := members - there:
            elbv2.register_targets(TargetGroupArn=group, Targets=_targets(added))
        if left := there - members:
            elbv2.deregister_targets(TargetGroupArn=group, Targets=_targets(left))

    def _report(self, one: RunningTask) -> None:
        """Tell ECS that a task which was run by itself has ended, and how, as its agent would."""
        ecs = self._world.client("ecs", one.task.region)
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


def _key(target: dict[str, Any]) -> tuple[str, int]:
    return target["Id"], int(target.get("Port", 0))


def _targets(keys: set[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"Id": address, "Port": port} for address, port in sorted(keys)]
