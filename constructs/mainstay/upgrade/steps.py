"""The eight-step upgrade as one table: the state machine, its runbook and its tests are made of it.

"words" are the whitepaper's. The order departs from its letter in one way: what works in READ_WRITE
on the old schema (one half leaves, the standby Region is emptied) is done before read-only mode is
entered, so that writers wait for the migration and for little else
(docs/decisions/0028-the-order-of-the-upgrade.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mainstay.app_tier.halves import LEAVES, STAYS


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action of the function `upgrade` (functions.upgrade.actions), with its arguments."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`python -m service.operations <command>` in a task of the new image."""

    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Bake:
    """A wait of as many seconds as the upgrade was started with, before the step."""

    name: str = "alarms"


@dataclass(frozen=True, kw_only=True)
class Undo:
    """A compensation: idempotent, and run only when it was registered, before its step.

    They run in the order of UNDOS, whatever order they were registered in.
    """

    key: str
    name: str  # of the state
    does: str
    until: str
    bound_seconds: int
    by: Action | Operation
    serves: bool = False  # whether users need it: without it the undoing stops, with others it owes


@dataclass(frozen=True, kw_only=True)
class Step:
    """One row. `undo` names the compensation that is registered before the step."""

    key: str
    number: str  # the whitepaper's step; "-" where it has none
    words: str
    name: str  # of the state
    does: str
    until: str
    bound_seconds: int  # of the whole row, waits and retries included
    by: Action | Operation | Bake
    undo: str | None = None
    read_only: bool = False  # whether writes are refused while it runs


COMMIT = "commit"  # the row from which on the upgrade only goes forward

STEPS: tuple[Step, ...] = (
    Step(
        key="release",
        number="-",
        words="the software is ready to be deployed",
        name="Register the release",
        does="registers a revision with the new image for every half and for operations",
        until="every family's newest revision carries the image",
        bound_seconds=120,
        by=Action(name="release"),
        undo="release",
    ),
    Step(
        key="check",
        number="-",
        words="no single point of failure",
        name="Check both masters",
        does="asks both masters and the follower: versions, replication, who writes; and that "
        "every migration to come can be undone",
        until="master B replicates everything and takes no writes",
        bound_seconds=900,
        by=Operation(command=("upgrade", "check")),
    ),
    Step(
        key="expand",
        number="-",
        words="Apps continue to write to the primary Transaction DB",
        name="Expand the transaction store",
        does="runs the transaction store's migrations, which only add; old code goes on with them",
        until="the transaction store has the new version",
        bound_seconds=3_600,
        by=Operation(command=("upgrade", "expand")),
    ),
    Step(
        key="suspend",
        number="-",
        words="careful orchestration",
        name="Suspend autoscaling",
        does="suspends the autoscaling of everything that it releases, in both Regions, and only "
        "then reads how many tasks there are",
        until="every scalable target has it, and every task runs",
        bound_seconds=120,
        by=Action(name="suspend"),
        undo="scaling",
    ),
    Step(
        key="carry",
        number="2",
        words="Disable half of the app servers from each load balancer pool",
        name="Let one half carry all",
        does=f"scales {STAYS} to the tasks of both halves, and lets its autoscaling add more",
        until="every task of it is healthy behind the load balancer",
        bound_seconds=1_200,
        by=Action(name="carry"),
        undo="counts",
    ),
    Step(
        key="disable",
        number="2",
        words="Disable half of the app servers from each load balancer pool",
        name="Disable half of the app servers",
        does=f"gives {STAYS} all of the traffic",
        until="the listener rule has 100 to 0",
        bound_seconds=120,
        by=Action(name="weights", arguments={"shares": {STAYS: 100, LEAVES: 0}}),
        undo="weights",
    ),
    Step(
        key="exit",
        number="2",
        words="Disable half of the app servers from each load balancer pool",
        name="Take the standby Region out of DNS",
        does="puts the data point that takes the standby Region out of DNS",
        until="its health check fails, the records' TTL has passed, and no requests of users come",
        bound_seconds=1_200,
        by=Action(name="exit"),
        undo="exit",
    ),
    Step(
        key="stop",
        number="2",
        words="stop the apps on that half",
        name="Stop the apps on that half",
        does=f"stops {LEAVES}, and both halves of the standby Region, whose store gets the new "
        "schema with the primary's; each task ends what it is answering",
        until=f"{LEAVES} has had no request in two published minutes, and none of their tasks runs",
        bound_seconds=900,
        by=Action(name="stop"),
        undo="stop",
    ),
    Step(
        key="enter",
        number="1",
        words="Move the system into read-only mode; App servers point to secondary master; "
        "Session DBs remain live",
        name="Move the system into read-only mode",
        does="enters READ_ONLY in both Regions, in which apps read from the other master first",
        until="every task of edge and app has acknowledged the epoch",
        bound_seconds=120,
        by=Action(name="enter"),
        undo="mode",
        read_only=True,
    ),
    Step(
        key="halt",
        number="1",
        words="Replication on the primary master is halted",
        name="Halt replication on the primary master",
        does="takes the write rights on A, waits for open transactions and for every subscriber, "
        "pauses A to B, B to A and A to the follower",
        until="no slot of A is read and none holds a change",
        bound_seconds=900,
        by=Operation(command=("upgrade", "halt")),
        undo="database",
        read_only=True,
    ),
    Step(
        key="migrate",
        number="3",
        words="Upgrade the primary master DB to a new schema",
        name="Upgrade the primary master",
        does="runs the migrations on A and leads every slot of A past them",
        until="A has the new version and owes no slot an advance",
        bound_seconds=3_600,
        by=Operation(command=("upgrade", "migrate")),
        undo="database",
        read_only=True,
    ),
    Step(
        key="start",
        number="4",
        words="Upgrade the offline app servers with new code",
        name="Upgrade the offline app servers",
        does=f"starts {LEAVES} with the new revision, as many tasks as {STAYS} needs by now",
        until=f"every task of {LEAVES} is healthy and of the new revision",
        bound_seconds=1_200,
        by=Action(name="start"),
        undo="start",
        read_only=True,
    ),
    Step(
        key="smoke",
        number="4",
        words="Upgrade the offline app servers with new code",
        name="Smoke-test the new code",
        does="asks the new half alone, through a listener rule on a header: readiness, schema, "
        "mode, login; and that a write is refused",
        until="every answer is the new release's",
        bound_seconds=900,
        by=Operation(command=("upgrade", "smoke")),
        read_only=True,
    ),
    Step(
        key="tenth",
        number="5",
        words="Switch traffic from old code to new",
        name="Give the new code a tenth",
        does=f"gives {LEAVES} 10 % of the traffic",
        until="the listener rule has 90 to 10",
        bound_seconds=120,
        by=Action(name="weights", arguments={"shares": {STAYS: 90, LEAVES: 10}}),
        undo="weights",
        read_only=True,
    ),
    Step(
        key="bake",
        number="5",
        words="Switch traffic from old code to new",
        name="Bake",
        does="lets the new code answer for as long as the upgrade was started with, then reads the "
        "alarms of failing answers and compares both halves: refused logins and other 4xx, 5xx, "
        "connections that no target took, the load balancer's own 502 to 504, and the slowest "
        "hundredth",
        until="no alarm is in ALARM or lacks data, and the new code fails and lasts no more than "
        "the old, in two published minutes where the bake has four",
        bound_seconds=900,
        by=Bake(),
        read_only=True,
    ),
    Step(
        key="switch",
        number="5",
        words="enabling the app servers running new code and disabling the apps running old code",
        name="Switch traffic to new code",
        does=f"gives {LEAVES} all of the traffic",
        until="the listener rule has 0 to 100",
        bound_seconds=120,
        by=Action(name="weights", arguments={"shares": {STAYS: 0, LEAVES: 100}}),
        undo="weights",
        read_only=True,
    ),
    Step(
        key=COMMIT,
        number="5",
        words="Service now live on new code",
        name="Commit",
        does="notes that there is no way back, provided that the epoch is still the upgrade's",
        until="the plan has noted it",
        bound_seconds=60,
        by=Action(name="commit"),
        read_only=True,
    ),
    Step(
        key="open",
        number="5",
        words="Service now live on new code in READ-WRITE mode",
        name="Open the primary master",
        does="gives the write rights on A back",
        until="the application may write A, and nobody B",
        bound_seconds=900,
        by=Operation(command=("upgrade", "open")),
        read_only=True,
    ),
    Step(
        key="leave",
        number="5",
        words="Service now live on new code in READ-WRITE mode",
        name="Return to read-write mode",
        does="leaves the READ_ONLY that the upgrade itself entered, and no other",
        until="the load balancer has its weights, and every task that serves has acknowledged the "
        "new epoch; one that does not within a minute is listed",
        bound_seconds=120,
        by=Action(name="leave"),
        read_only=True,
    ),
    Step(
        key="publish",
        number="6",
        words="Enable replication on the primary master DB",
        name="Enable replication on the primary master",
        does="makes sure that A publishes every table and keeps for B and the follower what they "
        "will need; the way back from B stays off until B is migrated",
        until="every table is published and every slot stands",
        bound_seconds=900,
        by=Operation(command=("upgrade", "publish")),
    ),
    Step(
        key="trail",
        number="7",
        words="Perform the trailing upgrade: repeat the process for the now disabled half",
        name="Upgrade the trailing half",
        does=f"lets {STAYS}, the standby Region and the workers take up the new revision",
        until=f"{STAYS} has had no request in two published minutes, and every task of them is "
        "healthy and of the new revision",
        bound_seconds=1_800,
        by=Action(name="trail"),
    ),
    Step(
        key="share",
        number="7",
        words="Perform the trailing upgrade",
        name="Let both halves serve",
        does="gives both halves the weights that they had",
        until="the listener rule has them",
        bound_seconds=120,
        by=Action(name="share"),
    ),
    Step(
        key="counts",
        number="-",
        words="scale out and in",
        name="Return the halves to their size",
        does="gives both halves the numbers of tasks that they had, and more by what the load has "
        "grown since",
        until="they run",
        bound_seconds=1_200,
        by=Action(name="counts"),
    ),
    Step(
        key="resume",
        number="-",
        words="scale out and in",
        name="Resume autoscaling",
        does="gives back the primary's autoscaling its limits and what was suspended of it",
        until="every scalable target of the Region is as it was",
        bound_seconds=120,
        by=Action(name="resume"),
    ),
    Step(
        key="return",
        number="7",
        words="Perform the trailing upgrade",
        name="Return the standby Region to DNS",
        does="puts the data point that returns the standby Region to DNS, and resumes its "
        "autoscaling",
        until="its halves are healthy on the new revision, and its alarm is over",
        bound_seconds=1_200,
        by=Action(name="return"),
    ),
    Step(
        key="restore",
        number="8",
        words="Restore the secondary master DB replication",
        name="Restore the secondary master",
        does="runs the migrations on B and on the follower, leads B's slot past them, resumes A to "
        "B and A to the follower, and only then B to A",
        until="every direction replicates everything",
        bound_seconds=7_200,
        by=Operation(command=("upgrade", "restore")),
    ),
    Step(
        key="compare",
        number="8",
        words="Restore the secondary master DB replication",
        name="Compare both masters",
        does="compares A and B by count and checksum, each in one snapshot",
        until="every table is equal",
        bound_seconds=3_600,
        by=Operation(command=("upgrade", "compare")),
    ),
    Step(
        key="unlock",
        number="-",
        words="No maintenance windows required",
        name="Release the lock",
        does="looks at everything once more, then releases the lock",
        until="the lock is free",
        bound_seconds=120,
        by=Action(name="unlock"),
    ),
)

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
        does="resumes every direction",
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
