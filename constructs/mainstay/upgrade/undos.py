"""Compensations of an upgrade's steps, in the order in which they run: users first."""

from __future__ import annotations

from mainstay.app_tier.halves import STAYS
from mainstay.upgrade.rows import Action, Operation, Undo

UNDOS: tuple[Undo, ...] = (
    Undo(
        key="settle",
        name="Undo: end what still runs",
        does="stops the upgrade's own tasks, so that nothing runs beside the undoing",
        until="none of them runs",
        bound_seconds=300,
        by=Action(name="settle"),
        serves=True,
    ),
    Undo(
        key="traffic",
        name="Undo: all traffic to old code",
        does=f"gives {STAYS} all of the traffic, if the weights were ever touched",
        until="the listener rule has 100 to 0",
        bound_seconds=120,
        by=Action(name="undo_traffic"),
        serves=True,
    ),
    Undo(
        key="start",
        name="Undo: stop the new code",
        does="stops every task of the new revision, once it has had no request in two published "
        "minutes",
        until="none runs",
        bound_seconds=900,
        by=Action(name="undo_start"),
        serves=True,
    ),
    Undo(
        key="database",
        name="Undo: the primary master as it was",
        does="brings A back to the version that it had, leads its slots past that, and gives the "
        "write rights on A back; needs neither B nor the follower",
        until="A takes writes",
        bound_seconds=7_200,
        by=Operation(command=("upgrade", "undo")),
        serves=True,
    ),
    Undo(
        key="mode",
        name="Undo: read-write mode",
        does="leaves the READ_ONLY that the upgrade itself entered, and no other",
        until="the mode is not the upgrade's any more",
        bound_seconds=120,
        by=Action(name="undo_mode"),
        serves=True,
    ),
    Undo(
        key="stop",
        name="Undo: start old code again",
        does="starts what was stopped with the revision that it ran",
        until="every task is healthy",
        bound_seconds=1_200,
        by=Action(name="undo_stop"),
    ),
    Undo(
        key="weights",
        name="Undo: the weights",
        does="gives both halves the weights that they had",
        until="both halves can serve, and the listener rule has them",
        bound_seconds=120,
        by=Action(name="undo_weights"),
    ),
    Undo(
        key="replication",
        name="Undo: replication",
        does="brings B and the follower back to A's version, where a widening did not reach A; "
        "resumes every direction",
        until="every direction replicates everything",
        bound_seconds=1_800,
        by=Operation(command=("upgrade", "rejoin")),
    ),
    Undo(
        key="exit",
        name="Undo: the standby Region in DNS",
        does="puts the data point that returns the standby Region to DNS, if its halves serve",
        until="its alarm is over",
        bound_seconds=600,
        by=Action(name="undo_exit"),
    ),
    Undo(
        key="counts",
        name="Undo: the numbers of tasks",
        does="gives both halves the numbers of tasks that they had, and more by what the load has "
        "grown since",
        until="they run",
        bound_seconds=1_200,
        by=Action(name="undo_counts"),
    ),
    Undo(
        key="readers",
        name="Undo: the secondary master's readers",
        does="gives B's readers the least number that they had; autoscaling takes the rest away",
        until="their limits are as they were",
        bound_seconds=120,
        by=Action(name="undo_readers"),
    ),
    Undo(
        key="scaling",
        name="Undo: autoscaling",
        does="gives back autoscaling its limits and what was suspended of it",
        until="every scalable target is as it was",
        bound_seconds=120,
        by=Action(name="undo_scaling"),
    ),
    Undo(
        key="release",
        name="Undo: the release",
        does="deregisters the revisions with the new image",
        until="every family's newest revision is the one that it was",
        bound_seconds=120,
        by=Action(name="undo_release"),
    ),
)

# Run whether or not anything was registered.
ALWAYS = ("settle", "mode")
# Registered under another compensation's key.
REGISTERED_AS = {"traffic": "weights"}
