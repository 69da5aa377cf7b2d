"""`mainstay upgrade plan --image IMAGE` shows what a release would do to the databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from cli.command import as_json, on_environment
from cli.deployed import Deployed
from cli.errors import CommandRefusedError
from cli.operations_task import OperationsTaskRunner
from cli.output import answer

_WAIT_SECONDS = 900.0  # a task's start, and each migration twice on a few rows


@click.command()
@click.option("--image", required=True, help="The image of the new version.")
@as_json
@on_environment
def plan(deployed: Deployed, image: str, as_json: bool) -> int:
    """Show the class of a release, none, additive or breaking, and why.

    A task of the image tries its migrations on a scratch copy beside each store; nothing else is
    changed. Exit code 1: an upgrade would refuse them.
    """
    code, found = _plan(deployed, image, as_json=as_json)
    return code or int(_is_refused(found))


def planned(deployed: Deployed, image: str, *, as_json: bool) -> str:
    """Show the plan of a release and return its class. Raises CommandRefusedError without one."""
    code, found = _plan(deployed, image, as_json=as_json)
    if code or not found or _is_refused(found):
        raise CommandRefusedError(
            "nothing was started: put right what the plan shows, or give the class with --class"
        )
    return found["class"]


def _plan(deployed: Deployed, image: str, *, as_json: bool) -> tuple[int, dict[str, Any]]:
    """Show and return the plan of a release, {} where its task has failed with the exit code."""
    plans: list[dict[str, Any]] = []

    def show(value: dict[str, Any]) -> None:
        found = value.get("answer")
        if not isinstance(found, dict):
            answer(value, as_json=as_json)
            return
        plans.append(found)
        if as_json:
            answer(found, as_json=True)
        else:
            click.echo("\n".join(_lines(found)))

    runner = OperationsTaskRunner(deployed, as_json=as_json, show=show)
    with runner.of_image(image):
        code = runner.run(
            ["python", "-m", "service.operations", "upgrade", "plan"], wait=_WAIT_SECONDS
        )
    return code, plans[-1] if plans else {}


def _is_refused(found: dict[str, Any]) -> bool:
    return bool(found) and any(each["problems"] for each in _migrations(found))


def _migrations(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in found["stores"].values():
        yield from each


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"class: {found['class']}"
    for store, migrations in found["stores"].items():
        for each in migrations:
            yield f"{store} {each['version']:04d} {each['name']}: {each['kind']}"
            yield from (f"  {reason}" for reason in each["reasons"])
            yield from (f"  REFUSED: {problem}" for problem in each["problems"])
