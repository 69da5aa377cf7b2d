"""The size of a stateless tier."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from config import aws_facts

IMAGE_REFERENCE = re.compile(r"[\w.\-/]+(:\d+/[\w.\-/]+)?(:[\w.\-]+|@sha256:[0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class WorkerSize:
    """The number of tasks, of a quarter vCPU each, that drain the audit events of each Region."""

    min_tasks: int  # two, where the loss of a zone must not stop the draining
    max_tasks: int  # of a backlog, such as after days without transaction store
    cpu_target_percent: int

    def problems(self, path: str) -> Iterator[str]:
        if self.min_tasks < 1:
            yield f"'{path}.min_tasks' should be at least 1, got {self.min_tasks}"
        if self.max_tasks < self.min_tasks:
            yield (
                f"'{path}.max_tasks' should be at least min_tasks ({self.min_tasks}), "
                f"got {self.max_tasks}"
            )
        if not 10 <= self.cpu_target_percent <= 90:
            yield f"'{path}.cpu_target_percent' should be 10 to 90, got {self.cpu_target_percent}"


@dataclass(frozen=True, kw_only=True)
class TierSize:
    """The size of a stateless tier in each Region, in Fargate tasks."""

    peak_tasks: int  # tasks that carry the everyday peak; a zone's worth more is always running
    max_tasks: int  # where scaling out stops, of each service: either half may carry everything
    cpu_units: int  # 1,024 units are one vCPU
    memory_mib: int
    requests_per_task_per_minute: int  # target tracking aims here, out and in
    cpu_target_percent: int  # and here; the higher demand of the two wins
    image: str | None = None  # a reference for every Region; None builds the repository's folder

    def tasks_per_zone(self, zones: int) -> int:
        """N+1: what is left after losing one of the zones still carries the peak."""
        return -(-self.peak_tasks // (zones - 1))

    def problems(self, path: str) -> Iterator[str]:
        if self.peak_tasks < 1:
            yield f"'{path}.peak_tasks' should be at least 1, got {self.peak_tasks}"
        memory = aws_facts.FARGATE_MEMORY_MIB.get(self.cpu_units)
        if memory is None:
            sizes = ", ".join(map(str, aws_facts.FARGATE_MEMORY_MIB))
            yield f"'{path}.cpu_units' should be one of {sizes}, got {self.cpu_units}"
        elif self.memory_mib not in memory:
            yield (
                f"'{path}.memory_mib' should be {memory.start} to {memory[-1]} in steps of "
                f"{memory.step} for {self.cpu_units} CPU units, got {self.memory_mib}"
            )
        if self.requests_per_task_per_minute < 1:
            got = self.requests_per_task_per_minute
            yield f"'{path}.requests_per_task_per_minute' should be at least 1, got {got}"
        if not 10 <= self.cpu_target_percent <= 90:
            yield f"'{path}.cpu_target_percent' should be 10 to 90, got {self.cpu_target_percent}"
        if self.image is not None and not IMAGE_REFERENCE.fullmatch(self.image):
            yield (
                f"'{path}.image' should be an image reference with a tag or digest, such as "
                f"'registry.example/edge:1.4', got '{self.image}'"
            )

    def ceiling_problems(self, path: str, region: str, zones: int) -> Iterator[str]:
        """Problems that depend on how many zones the Region has; `zones` is 2 or more."""
        floor = self.tasks_per_zone(zones) * zones
        if self.peak_tasks >= 1 and self.max_tasks < 2 * floor:
            yield (
                f"'{path}.max_tasks' should be at least {2 * floor}, twice the {floor} tasks that "
                f"always run over the {zones} zones of {region}, got {self.max_tasks}"
            )
