"""Compares what each live task of a Region believes of the mode with the control table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from cli.deployed import Deployed
from cli.errors import NotDeployedError
from functions.control_table.acknowledgements import KEPT, Acknowledgement, acknowledgements
from functions.control_table.mode import State

LAYERS = ("edge", "app", "worker")


@dataclass(frozen=True, kw_only=True)
class Belief:
    """One live task; `mark` says in words how it disagrees with the table, and is empty else."""

    layer: str
    task: str
    epoch: int | None  # None: no word of it
    mode: str | None
    mark: str


@dataclass(frozen=True, kw_only=True)
class Beliefs:
    """The live tasks of a Region. `unlisted` says why nobody knows which tasks run, or nothing."""

    tasks: tuple[Belief, ...]
    stopped: int  # tasks that left a word and do not run any more
    unlisted: str

    @property
    def disagreeing(self) -> int:
        """Return how many live tasks do not do what the table says."""
        return sum(bool(each.mark) for each in self.tasks)


def beliefs(deployed: Deployed, table: str, state: State, *, now: datetime) -> Beliefs:
    """Return what the tasks of a Region believe.

    Where Amazon ECS does not answer, every task that left a word within ten minutes counts as live.
    """
    dynamodb = deployed.client("dynamodb")
    words = {
        (layer, found.task_id): found
        for layer in LAYERS
        for found in acknowledgements(dynamodb, table, layer=layer, now=now)
    }
    try:
        live, unlisted = {*_live(deployed)}, ""
    except (ClientError, BotoCoreError, NotDeployedError) as error:
        live, unlisted = {*words}, str(error)
    tasks = (_belief(key, words.get(key), state) for key in sorted(live, key=_order))
    return Beliefs(tasks=tuple(tasks), stopped=len(words.keys() - live), unlisted=unlisted)


def _order(key: tuple[str, str]) -> tuple[int, str]:
    return LAYERS.index(key[0]), key[1]


def _live(deployed: Deployed) -> Iterator[tuple[str, str]]:
    """Yield layer and id of every task that a service of the Region runs."""
    ecs = deployed.client("ecs")
    for layer in LAYERS:
        for _, service in deployed.resources(layer, "AWS::ECS::Service"):
            cluster, name = service.split("/")[-2:]
            pages = ecs.get_paginator("list_tasks").paginate(
                cluster=cluster, serviceName=name, desiredStatus="RUNNING"
            )
            for page in pages:
                for arn in page["taskArns"]:
                    yield layer, arn.rpartition("/")[2]


def _belief(key: tuple[str, str], word: Acknowledgement | None, state: State) -> Belief:
    layer, task = key
    if word is None:
        mark = f"silent: no word within {KEPT.total_seconds() / 60:.0f} minutes"
        return Belief(layer=layer, task=task, epoch=None, mode=None, mark=mark)
    mark = ""
    if word.epoch < state.epoch:
        mark = f"behind: obeys {word.mode} of epoch {word.epoch} since {word.at}"
    elif word.mode != state.mode:
        mark = f"disagrees: {word.mode} by itself, at {word.at}"
    return Belief(layer=layer, task=task, epoch=word.epoch, mode=str(word.mode), mark=mark)
