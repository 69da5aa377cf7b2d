"""kill -9 of a master that had not sent everything: every acknowledged write is accounted for.

    make reconcile-drill        prints what happened and writes out/reconcile.json

Masters A and B, real PostgreSQL. Users change the same rows on A again and again, back to earlier
values too. B receives nothing for the last seconds before A is killed, is promoted, and users go on
there with some of the rows. A returns, and `reconcile` runs under that load. Then each acknowledged
write has to be present, later overwritten, or listed as set aside.
"""

from __future__ import annotations

import argparse
import json
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.entity_tier import DATABASE, EntityTier
from gameday.reconcile_load import History, ReconcileLoad, histories_on, new_histories, values_of
from local.waiting import wait_until

OUT = Path("out/reconcile.json")
Log = Callable[[str], None]

A, B = "entity-a", "entity-b"
# Two in a hundred of the writes are made after the last that B receives, at the least.
_BEHIND = 0.1
_LOAD_SECONDS = 600  # until the load has made its writes


@dataclass(frozen=True, kw_only=True)
class ReconcileSize:
    """Acknowledged writes at the least, writers and rows of each, and rows they go on with on B."""

    writes: int = 20_000
    writers: int = 6
    rows: int = 120
    rows_after: int = 12
    after_seconds: float = 3.0  # of load on B before A returns, and after it was reconciled


def drill(size: ReconcileSize, *, log: Log = print) -> dict[str, Any]:
    """Run it and return the report; TimeoutError where the writes are not made in time."""
    histories = new_histories(tenants=size.writers, rows=size.rows)
    with EntityTier(names=(A, B)) as tier:
        a, b = tier.by_name[A], tier.by_name[B]
        with ReconcileLoad(a, histories) as load:
            _wait_for_writes(load, size.writes // 2)
            a.rows("CHECKPOINT")  # A's slot begins again from there, long before what arrived
            _wait_for_writes(load, round(size.writes * (1 - _BEHIND)))
            tier.operate("replication", "pause", A, B)
            _wait_for_writes(load, size.writes)
            a.kill()
        log(f"killed -9 after {load.writes:,} acknowledged writes")
        tier.operate("promote", "--lost", A, "--cluster-lost")
        some = {tenant: rows[: size.rows_after] for tenant, rows in histories.items()}
        newer = histories_on(b, some)
        with ReconcileLoad(b, newer, seed=2) as load_on_b:
            time.sleep(size.after_seconds)  # the drill's own time, nothing is waited for
            a.start()
            began = time.monotonic()
            answer = tier.operate("reconcile", A)
            seconds = time.monotonic() - began
            time.sleep(size.after_seconds)
        log(
            f"reconciled in {seconds:.1f} s: {answer['missing_transactions']:,} missing, "
            f"{answer['carried_over']:,} carried over, {len(answer['set_aside']):,} set aside"
        )
        carried = b.rows(
            "SELECT (commit_lsn - '0/0')::bigint FROM operations.reconciled"
            " WHERE set_aside IS NULL ORDER BY 1",
            database=DATABASE,
        )
        found = {tenant: values_of(b, tenant) for tenant in histories}
    accounts = Accounts(answer, [lsn for (lsn,) in carried])
    for tenant, rows in histories.items():
        later = {row.id: row for row in newer[tenant]}
        for row in rows:
            accounts.take(row, later.get(row.id), found[tenant].get(row.id))
    return {
        "acknowledged_writes": load.writes + load_on_b.writes,
        "acknowledged_on_the_new_master": load_on_b.writes,
        "missing_transactions": answer["missing_transactions"],
        "carried_over": answer["carried_over"],
        "set_aside_transactions": len(answer["set_aside"]),
        "reconcile_seconds": round(seconds, 3),
        "writes": {name: accounts.counts[name] for name in OUTCOMES},
        "unaccounted": accounts.unaccounted[:20],
    }


OUTCOMES = ("present", "later_overwritten", "set_aside", "other")


class Accounts:
    """The fate of each acknowledged write; `unaccounted` describes those that are nowhere."""

    def __init__(self, answer: dict[str, Any], carried: list[int]) -> None:
        self.counts: Counter[str] = Counter()
        self.unaccounted: list[dict[str, Any]] = []
        self._arrived = _number(answer["arrived"])
        self._carried = carried
        self._aside: dict[str, list[int]] = {}
        for transaction in answer["set_aside"]:
            for change in transaction["changes"]:
                listed = self._aside.setdefault(change["key"]["id"], [])
                listed.append(_number(transaction["commit_lsn"]))

    def take(self, row: History, later: History | None, found: Any) -> None:
        """Account for a row's writes on the lost master, and later ones on the new one."""
        kept, lost = [], []
        for write in row.writes:
            if _within(self._aside.get(row.id, []), write.after, write.before):
                self.counts["set_aside"] += 1
            elif write.after < self._arrived or _within(self._carried, write.after, write.before):
                kept.append(write.value)
            else:
                lost.append(write.value)
        if later is not None and later.writes:
            kept += [write.value for write in later.writes]
        possible = kept[-1:] or [None]
        if later is None or not later.writes:
            possible += row.unknown
        if lost or found not in possible:
            self.unaccounted.append({"row": row.id, "found": found, "kept": kept[-3:]})
            self.counts["other"] += max(1, len(lost))
        if found in possible and kept:
            self.counts["present"] += found == kept[-1]
            self.counts["later_overwritten"] += len(kept) - (found == kept[-1])


def _within(ordered: list[int], after: int, before: int) -> bool:
    place = bisect_left(ordered, after)
    return place < len(ordered) and ordered[place] <= before


def _number(lsn: str) -> int:
    high, _, low = lsn.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def _wait_for_writes(load: ReconcileLoad, writes: int) -> None:
    def written() -> bool:
        load.check()
        return load.writes >= writes

    wait_until(
        written, f"{writes} writes", seconds=_LOAD_SECONDS, log=lambda: f"{load.writes} are done"
    )


def holds(report: dict[str, Any], size: ReconcileSize) -> bool:
    """Return whether no acknowledged write is unaccounted for, and something was at stake."""
    return (
        report["writes"]["other"] == 0
        and sum(report["writes"].values()) == report["acknowledged_writes"] >= size.writes
        and report["carried_over"] > 0
        and report["set_aside_transactions"] > 0
        and report["acknowledged_on_the_new_master"] > 0
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gameday.reconcile", description=__doc__)
    parser.add_argument(
        "--writes", type=int, default=ReconcileSize.writes, help="acknowledged, at least"
    )
    size = ReconcileSize(writes=parser.parse_args().writes)
    report = drill(size)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    for name in OUTCOMES:
        print(f"{name.replace('_', ' '):>18}  {report['writes'][name]:8,}")
    print(f"{'holds' if holds(report, size) else 'DOES NOT HOLD'}; {OUT}")
    return 0 if holds(report, size) else 1


if __name__ == "__main__":
    raise SystemExit(main())
