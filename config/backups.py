"""Backups: how long each kind is kept, and how old the newest may grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Keep:
    """The number of hours, days, weeks and months that keep their first snapshot."""

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def problems(self, path: str) -> Iterator[str]:
        counts = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, count in counts.items():
            if count < 0:
                yield f"'{path}.{name}' should be at least 0, got {count}"
        if not any(count > 0 for count in counts.values()):
            yield f"'{path}' should keep something: hourly, daily, weekly or monthly above 0"


@dataclass(frozen=True, kw_only=True)
class Backups:
    """Days of retention. A lock binds everybody: a number here is what the storage costs.

    Where an environment keeps no data, nothing is locked, and a destroy takes the backups along.
    """

    snapshots: Keep  # of the delayed replica's volumes, in their own Region
    snapshot_copies: Keep  # and in the other one
    archive_days: int  # how long the archive keeps, and locks, each night's blocks
    dump_days: int  # the same of dumps and exports
    vault_days: int  # the same of AWS Backup's recovery points
    proof_days: int  # the longest without a restore that was found right
    work_gib: int  # disk of the task that dumps, or restores an archive: its largest compressed

    def problems(self, path: str) -> Iterator[str]:
        yield from self.snapshots.problems(f"{path}.snapshots")
        yield from self.snapshot_copies.problems(f"{path}.snapshot_copies")
        for name in ("archive_days", "dump_days", "vault_days"):
            days = getattr(self, name)
            # A day's backup must outlive the next one; what is locked cannot be taken back.
            if not 2 <= days <= 3_650:
                yield f"'{path}.{name}' should be 2 to 3650, got {days}"
        # Amazon ECS Developer Guide, "Fargate task ephemeral storage".
        if not 21 <= self.work_gib <= 200:
            yield f"'{path}.work_gib' should be 21 to 200, got {self.work_gib}"
        # Drills run each week; a limit of one would be passed by every one that is late.
        if not 8 <= self.proof_days <= 90:
            yield f"'{path}.proof_days' should be 8 to 90, got {self.proof_days}"
