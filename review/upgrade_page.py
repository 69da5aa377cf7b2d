"""Renders docs/runbooks/upgrade.md from the table of steps: `make upgrade-page`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mainstay.upgrade.rows import Action, Operation, Step, Undo
from mainstay.upgrade.steps import COMMIT, STEPS
from mainstay.upgrade.undos import UNDOS

PAGE = Path(__file__).parents[1] / "docs" / "runbooks" / "upgrade.md"

_HEAD = """# The upgrade

A release on a working day, while logins go on: in eight steps where its schema change is breaking,
and with no READ_ONLY at all where it only adds, or has none. This page is rendered
from the table that the state machine is made of (`make upgrade-page`); why its order departs from
the whitepaper's stands in [0028](../decisions/0028-the-order-of-the-upgrade.md), why a function
performs the actions in [0029](../decisions/0029-one-guard-before-every-action.md).

```sh
mainstay upgrade plan --image <image>    # its class (none, additive, breaking) and why
mainstay upgrade start --image <image>   # plans, goes by the class and watches; --bake SECONDS
mainstay upgrade status                  # what it did, what is next
mainstay upgrade resume                  # go on where it stopped
mainstay upgrade abort                   # undo it, before its commit
mainstay mode show                       # and: enter --reason, leave
```

**Its class** decides the way. `start` prints the plan, the class and every reason before it begins;
`--class breaking` takes the eight steps whatever the class is. `check` judges the migrations once
more, on a scratch copy beside master B, and refuses a class that is too mild. Where they only add,
every store is *widened* while it serves, and the halves change behind the same gates. Old code goes
on because each store records which code runs on it: code of a version that is older than its newest
breaking migration is refused, and no code speaks two schemas. Undone before its commit point, such
a release leaves what it has added: the next one has to carry the same migration.

**When it has stopped**, logins go on and the lock is held. Between READ_ONLY and the commit point
the system stays READ_ONLY; at any other moment a stop leaves the mode alone. Why stands in
the last lines of `status`, in the notice of the topic of the stack `...-upgrade`, and as the cause
of the execution in AWS Step Functions. Where an operation failed, that is its command, the
container, its exit code, whether memory ran out, the last line that it printed and the task's id;
all of its lines are in the stream `operations/operations/<task id>` of the log group of functions.
Fix that, then `resume`; before the commit point, `abort` undoes everything instead. Both may be
repeated. If somebody else has entered READ_ONLY meanwhile (an alarm, a person), find out why
first: `resume --take-mode` makes it the upgrade's.

**A helper that is away** (the standby Region, the follower, master B) keeps no user out. What users
need is done first, its part is listed (`status` prints it as owed), and the upgrade stops at its
end with users served. When the helper is back, `resume` or `abort` pays. Where that takes long,
`--without standby` or `--without follower` ends the upgrade and releases the lock; `resume --id`
pays later, until another release has come. Master B has no such way: rebuild it, then resume. Where
an upgrade can go neither way, `mainstay mode leave --past-lock TOKEN` prints what it costs.

**A release that fails its users** gets no more than a tenth of them. Two look for it. The *canary*,
an account of a tenant of its own that the first start made (its password is the secret
`...-entity/canary`, reports leave it out), logs in on the new half before it has any traffic, on
both halves in turn throughout the bake, and once more by the weights when they give all to the new
code. And what *users* get of both halves is compared by the load balancer's metrics, which needs
the 240 s of the default bake; a shorter one goes by the canary alone, and says so at its start and
in its journal. Where the canary cannot log in on the old code either, `mainstay database canary`
makes it, with the password of its secret.

**Autoscaling** of everything that is released is suspended while its numbers must not move. A half
that carries all may add tasks and remove none; when both share again, what it has grown by is
divided between them.

**Not during an upgrade:** a failover to the standby Region from the migration to the restart of
its servers (its store has the new schema with the primary's, its servers are stopped), a `cdk
deploy` that changes a task, and a promotion of master B, which lacks what is written after the
commit point.

**It refuses to begin** while a lock is held, a Region is READ_ONLY, a half does not run all of its
tasks or has no weight, a target of either Region is not healthy, an alarm of failing answers is in
ALARM, a replica is behind or at another version, or a migration to come has no `.revert.sql`, fails
on a scratch copy, cannot be undone exactly, or leaves what the other servers would not have
([migrations](../migrations.md), with the fix of each). After a Region failover there is no second
master until B is rebuilt, and it refuses too.
"""


def render() -> str:
    """Return the whole page."""
    before, after = STEPS[: _commit()], STEPS[_commit() :]
    return "\n".join(
        (
            _HEAD,
            "## Before the commit point",
            "",
            "A failure here undoes what was registered, and leaves everything as it was.",
            "",
            _table(before),
            "",
            "## From the commit point on",
            "",
            "A failure here stops; the way is forward only.",
            "",
            _table(after),
            "",
            "## The undoing, in this order",
            "",
            "| what | until | within |",
            "|---|---|---|",
            *(f"| {_cell(undo.does)} | {_cell(undo.until)} | {_time(undo)} |" for undo in UNDOS),
            "",
            "Then one more look: the lock is released when everything is as it was.",
            "",
        )
    )


def _commit() -> int:
    return next(n for n, step in enumerate(STEPS) if step.key == COMMIT)


def _table(steps: Sequence[Step]) -> str:
    rows = [
        "| step | the whitepaper | release | what is done | until | within | writes | undone by "
        "| by |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for step in steps:
        writes = "wait" if step.read_only else "go on"
        if step.read_only and step.only is None:
            writes = "wait in a breaking one"
        rows.append(
            f"| {step.number} | {_cell(step.words)} | {step.only or 'every'} | "
            f"**{step.name}**: {_cell(step.does)} | "
            f"{_cell(step.until)} | {_time(step)} | {writes} | {step.undo or ''} | {_by(step)} |"
        )
    return "\n".join(rows)


def _by(step: Step) -> str:
    match step.by:
        case Operation(command=command):
            return f"a task: `{' '.join(command)}`"
        case Action(name=action):
            return f"the function: `{action}`"


def _time(row: Step | Undo) -> str:
    minutes = row.bound_seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    PAGE.write_text(render())


if __name__ == "__main__":
    main()
