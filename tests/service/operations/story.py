"""An upgrade with a breaking migration, as the eight steps do it, under writes.

`without` leaves a part out, as a mistaken upgrade would; the shipped operations then have to be
stopped from refusing, which the tests do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.operations import replication, slots
from service.operations.compare import compare
from service.operations.fence import fence, unfence
from service.operations.migrations import migrate
from service.operations.operator import Operator

# Every row is rewritten, and a column that old code needs is gone.
BREAKING = """
ALTER TABLE account ADD COLUMN given_name text, ADD COLUMN family_name text;
UPDATE account SET given_name = split_part(full_name, ' ', 1),
    family_name = split_part(full_name, ' ', 2);
ALTER TABLE account DROP COLUMN full_name;
CREATE TABLE device (
    id uuid PRIMARY KEY DEFAULT uuid7(), account_id uuid NOT NULL REFERENCES account, name text
);
"""
# The same backfill, and nothing that would make the mistake show.
REWRITING = """
ALTER TABLE account ADD COLUMN given_name text;
UPDATE account SET given_name = split_part(full_name, ' ', 1);
"""


class Upgrade:
    """Each step is a method, so that a test can write between them."""

    def __init__(self, lab: Any, operator: Operator, folder: Path, without: str = "") -> None:
        self.lab = lab
        self.operator = operator
        self.folder = folder
        self.without = without
        self.forth = operator.link("entity-a", "entity-b")
        self.back = operator.link("entity-b", "entity-a")

    def stop_writes(self) -> None:
        fence(self.operator, "entity-a")
        slots.drain(self.operator, "entity-a")
        replication.pause(self.operator, self.forth)
        if self.without != "reverse off":
            replication.pause(self.operator, self.back)

    def migrate_primary(self) -> None:
        migrate(self.operator, "entity-a", folder=self.folder)
        unfence(self.operator, "entity-a")

    def restore_secondary(self) -> None:
        migrate(self.operator, "entity-b", folder=self.folder)
        replication.resume(self.operator, self.forth)
        if self.without != "reverse off":
            replication.resume(self.operator, self.back)

    def end(self) -> dict[str, Any]:
        """Everything received, then both masters compared."""
        fence(self.operator, "entity-a")
        for link in (self.forth, self.back):
            received(self.operator, link)
        result = compare(self.operator, "entity-a", "entity-b")
        unfence(self.operator, "entity-a")
        return result


def received(operator: Operator, link: Any) -> None:
    """Wait until the subscriber has everything, or was switched off by an error."""
    publisher, subscriber = operator.on(link.publisher.name), operator.on(link.subscriber.name)
    end = publisher.value("SELECT pg_current_wal_insert_lsn()")

    def over() -> bool:
        return bool(
            publisher.value(
                "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots"
                " WHERE slot_name = %s",
                end,
                link.name,
            )
        ) or not subscriber.value(
            "SELECT subenabled FROM pg_subscription WHERE subname = %s", link.name
        )

    operator.wait(over, f"{link.name} has everything or is off")
