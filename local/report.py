"""What runs, as `make local-status` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from local import process
from local.session import LocalSession


def render(session: LocalSession) -> list[str]:
    """Return the page; it asks, and changes nothing."""
    state = session.state
    if not state or not session.running():
        left = len(process.marked(session.folder))
        return [f"Nothing is deployed here: `make local` does it ({left} processes left behind)"]
    status = session.status()
    return [
        *_emulator(session),
        "",
        *_stacks(session, state),
        "",
        *_listeners(status),
        "",
        *_tasks(status),
    ]


def _emulator(session: LocalSession) -> Iterator[str]:
    if session.endpoint is not None:
        yield f"Endpoint  {session.endpoint}, not started here"
        return
    emulator = session.emulator
    yield f"Emulator  {emulator.endpoint}  pid {emulator.pid}  {emulator.memory_mib()} MiB"
    yield f"ECS agent pid {session.ecs_agent_pid or '- not running: `make local` starts it'}"


def _stacks(session: LocalSession, state: dict[str, Any]) -> Iterator[str]:
    target = session.target(state["account"])
    yield f"Stacks of {state['environment']}"
    for region in state["regions"]:
        pages = target.client("cloudformation", region).get_paginator("describe_stacks").paginate()
        stacks = [
            stack
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith("mainstay-")
        ]
        counts = Counter(stack["StackStatus"] for stack in stacks)
        words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        yield f"  {region:12} {words or 'none'}"


def _listeners(status: dict[str, Any]) -> Iterator[str]:
    yield "Load balancers' listeners"
    for one in status.get("listeners", ()):
        kind = "public" if one["public"] else "internal"
        yield f"  {one['region']:12} {kind:9} {one['listener']:10} {one['url'] or 'not served'}"


def _tasks(status: dict[str, Any]) -> Iterator[str]:
    """One line per service: how many of its tasks are in which state; then what is wrong."""
    services: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for task in status.get("tasks", ()):
        name = task["service"] or "run by itself"
        services.setdefault((task["region"], name), []).append(task)
    yield "Services"
    for (region, name), tasks in sorted(services.items()):
        states = Counter(task["state"] for task in tasks)
        words = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        yield f"  {region:12} {_short(name):36} {words}"
    for task in status.get("tasks", ()):
        if task["problem"]:
            yield f"  {task['region']:12} {task['task']}: {task['problem']}"


def _short(name: str) -> str:
    """Return a service's name without the stack's and CloudFormation's own parts."""
    return name.removeprefix("mainstay-")[:36]
