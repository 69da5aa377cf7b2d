"""A mistaken DELETE on master A, found out later, and its rows back from the delayed replica.

    make recover-drill          prints what happened and writes out/recover.json

A -> follower L -> delayed replica D, and master B, all real PostgreSQL, under writes all the while.
The DELETE is on B and on L at once. Whoever finds it out pauses D, looks for the statement in L's
log, leads D to just before it, dumps the table, gives the rows back to A, and lets D follow again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.entity_load import EntityLoad
from gameday.entity_tier import EntityTier

OUT = Path("out/recover.json")
Log = Callable[[str], None]

# The rows of the mistake, wherever they are: how many, and the sum of their checksums.
_CHECKSUM = """
SELECT count(*), coalesce(sum(('x' || substr(md5(account::text), 1, 16))::bit(64)::bigint), 0)::text
FROM account WHERE tenant_id = %s AND login LIKE 'early%%'
"""


@dataclass(frozen=True, kw_only=True)
class RecoverSize:
    """Rows that the mistake takes away, writers beside it, and seconds."""

    rows: int
    writers: int
    delay_seconds: float  # how far D is behind
    before_seconds: float  # of load until the mistake
    unnoticed_seconds: float  # from the mistake until somebody finds out

    def __post_init__(self) -> None:
        if self.unnoticed_seconds >= self.delay_seconds:
            raise ValueError(
                f"'unnoticed_seconds' should be less than the delay of {self.delay_seconds} s, got "
                f"{self.unnoticed_seconds}: what is noticed later is gone from the replica too"
            )


FULL = RecoverSize(
    rows=50_000, writers=4, delay_seconds=30, before_seconds=35, unnoticed_seconds=10
)


def drill(size: RecoverSize, *, log: Log = print) -> dict[str, Any]:
    """Run it and return the report."""
    clock = _Clock(log)
    with EntityTier(delay_seconds=size.delay_seconds) as tier:
        tenant = _add_tenant(tier, size.rows)
        tier.add_delayed()
        with EntityLoad(tier, writers=size.writers) as load:
            time.sleep(size.before_seconds)  # the drill's own time, nothing is waited for
            behind = tier.operate("delayed", "state")["delay_seconds"]
            before = _mistake(tier, tenant)
            for name in ("entity-b", "follower"):
                tier.wait(name, f"SELECT count = 0 FROM ({_CHECKSUM}) AS doomed", tenant)
            _wait_for_log(tier)
            log(f"DELETE of {before[0]} rows on A; B and L have none of them left either")
            time.sleep(size.unnoticed_seconds)
            _add_accounts(tier, tenant, "later", 50)
            answers = _bring_back(tier, clock)
            load.stop()
            after = _checksum(tier, "entity-a", tenant)
            alike = _settle(tier)
            report = {
                "rows_lost": before[0],
                "rows_brought_back": answers["restore_rows"]["account"]["restored"],
                "checksum_before": before[1],
                "checksum_after": after[1],
                "as_before": before == after,
                "acknowledged_writes_beside": len(load.ledger),
                "acknowledged_writes_missing": len(load.missing("entity-a")),
                "later_rows_of_the_tenant_kept": _kept(tier, tenant),
                "masters_alike": alike,
                "replica": {
                    "delay_seconds": size.delay_seconds,
                    "behind_at_the_mistake_seconds": behind,
                    "in_recovery": answers["follow"]["in_recovery"],
                    "configured_seconds": answers["follow"]["configured_seconds"],
                },
                "dump": {key: answers["dump"][key] for key in ("rows", "sha256")},
                "led_by_time_the_same": answers["dump"]["sha256"]
                == answers["dump_by_time"]["sha256"],
                "seconds": clock.seconds,
                "seconds_until_rows_are_back": round(clock.until_back, 3),
            }
    return report


def _add_tenant(tier: EntityTier, rows: int) -> str:
    tenant = str(uuid.uuid4())
    with tier.connect("entity-a") as connection:
        connection.execute(
            "INSERT INTO tenant (id, host, name) VALUES (%s, %s, 'T')", (tenant, tenant)
        )
    _add_accounts(tier, tenant, "early", rows)
    tier.wait("follower", "SELECT count(*) = %s FROM account WHERE tenant_id = %s", rows, tenant)
    return tenant


def _add_accounts(tier: EntityTier, tenant: str, login: str, rows: int) -> None:
    with tier.connect("entity-a") as connection:
        connection.execute(
            "INSERT INTO account (tenant_id, login, full_name)"
            " SELECT %s, %s || n, 'Given' || n || ' Family' || n FROM generate_series(1, %s) n",
            (tenant, login, rows),
        )


def _mistake(tier: EntityTier, tenant: str) -> tuple[int, str]:
    """Delete with half of the WHERE missing; return the rows that it took, as they were."""
    with tier.connect("entity-a") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        [before] = connection.execute(_CHECKSUM, (tenant,)).fetchall()
        connection.execute("DELETE FROM account WHERE tenant_id = %s", (tenant,))
    return before


def _wait_for_log(tier: EntityTier) -> None:
    """Wait until L's log is on its disk, where the search for candidates reads."""
    applied = tier.value("follower", "SELECT pg_current_wal_insert_lsn()::text")
    tier.wait("follower", "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", applied)


def _bring_back(tier: EntityTier, clock: _Clock) -> dict[str, Any]:
    """Follow the runbook in its order, and return the answers by step.

    Then D is led there once more, by the time of the mistake, which has to find the same rows.
    """
    answers: dict[str, Any] = {}

    def step(name: str, *arguments: str) -> Any:
        with clock.step(name):
            answers[name] = tier.operate("delayed", *arguments)
        return answers[name]

    with tempfile.TemporaryDirectory() as folder:
        step("pause", "pause")
        mistake = step("find", "candidates", "account")[0]
        step("recover", "recover", "--lsn", mistake["target_lsn"])
        step("dump", "dump", "account", f"{folder}/account.csv")
        step("restore_rows", "restore-rows", "account")
        clock.until_back = sum(clock.seconds.values())
        step("recover_by_time", "recover", "--time", mistake["committed_at"])
        step("dump_by_time", "dump", "account", f"{folder}/account.csv")
        step("follow", "follow")
    return answers


def _settle(tier: EntityTier) -> bool:
    """Wait until A, B and L hold the same rows. Raises where they do not."""
    tier.operate("fence", "entity-a")
    tier.operate("drain", "entity-a")
    for other in ("entity-b", "follower"):
        tier.operate("compare", "entity-a", other)
    tier.operate("unfence", "entity-a")
    return True


def _checksum(tier: EntityTier, name: str, tenant: str) -> tuple[int, str]:
    with tier.connect(name) as connection:
        [found] = connection.execute(_CHECKSUM, (tenant,)).fetchall()
    return found


def _kept(tier: EntityTier, tenant: str) -> int:
    return tier.value(
        "entity-a",
        "SELECT count(*) FROM account WHERE tenant_id = %s AND login LIKE 'later%%'",
        tenant,
    )


class _Clock:
    """Measures each step, and prints its seconds when it is over."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.seconds: dict[str, float] = {}
        self.until_back = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)
        self._log(f"{name:>15}  {self.seconds[name]:6.2f} s")


def holds(report: dict[str, Any]) -> bool:
    """Return True if every row is back as it was and nothing else was touched."""
    return (
        report["as_before"]
        and report["rows_brought_back"] == report["rows_lost"] > 0
        and report["acknowledged_writes_missing"] == 0
        and report["masters_alike"]
        and report["led_by_time_the_same"]
        and report["replica"]["in_recovery"]
        and report["replica"]["configured_seconds"] == report["replica"]["delay_seconds"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gameday.recover", description=__doc__)
    parser.add_argument("--rows", type=int, default=FULL.rows, help=f"deleted ({FULL.rows})")
    chosen = parser.parse_args()
    report = drill(RecoverSize(**{**vars(FULL), "rows": chosen.rows}))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    print(
        f"{report['rows_lost']} rows lost, {report['rows_brought_back']} brought back in "
        f"{report['seconds_until_rows_are_back']} s; {report['acknowledged_writes_missing']} of "
        f"{report['acknowledged_writes_beside']} writes beside it missing; {OUT}"
    )
    return 0 if holds(report) else 1


if __name__ == "__main__":
    raise SystemExit(main())
