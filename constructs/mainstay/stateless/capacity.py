"""The capacity of a stateless tier in one Region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Fargate tasks of one service: how many, how large, and what adds or removes one."""

    min_tasks: int  # always running; a multiple of the zones, so that each holds as many
    max_tasks: int
    cpu_units: int  # 1,024 units are one vCPU
    memory_mib: int
    requests_per_task_per_minute: int
    cpu_target_percent: int

    def __post_init__(self) -> None:
        if not 1 <= self.min_tasks <= self.max_tasks:
            raise ValueError(
                f"'min_tasks' should be 1 to max_tasks ({self.max_tasks}), got {self.min_tasks}"
            )
