"""How much of a tier runs: refusals of the construct itself."""

from __future__ import annotations

import dataclasses

import pytest

from mainstay.stateless.capacity import Capacity

TWO_TO_TEN = {
    "min_tasks": 2,
    "max_tasks": 10,
    "cpu_units": 256,
    "memory_mib": 512,
    "requests_per_task_per_minute": 100,
    "cpu_target_percent": 50,
}


@pytest.mark.parametrize("min_tasks", [1, 10])
def test_accepts_a_floor_up_to_the_ceiling(min_tasks):
    assert Capacity(**TWO_TO_TEN | {"min_tasks": min_tasks}).min_tasks == min_tasks


@pytest.mark.parametrize("min_tasks", [0, 11])
def test_refuses_a_floor_below_one_or_above_the_ceiling(min_tasks):
    with pytest.raises(ValueError, match=rf"should be 1 to max_tasks \(10\), got {min_tasks}"):
        Capacity(**TWO_TO_TEN | {"min_tasks": min_tasks})


def test_is_frozen():
    capacity = Capacity(**TWO_TO_TEN)
    with pytest.raises(dataclasses.FrozenInstanceError):
        capacity.min_tasks = 3  # type: ignore[misc]
