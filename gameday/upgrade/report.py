"""The result of a run as JSON: every bar, every step, and every second of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from gameday.upgrade import measures, verdict
from gameday.upgrade.drill import Run, UpgradeDrill
from gameday.upgrade.rows import blocked


def report(drill: UpgradeDrill, run: Run, bars: list[verdict.UpgradeBar]) -> dict[str, Any]:
    """Return out/upgrade.json. Times are seconds since `timeline.from`, where no other is named."""
    found, seen = run.found, measures.blocked(run.attempts)
    seconds = max(run.load_ended - run.began, 0.001)
    counts = measures.counted(run.attempts)
    window = blocked(list(found.rows))
    return {
        "holds": all(bar.holds for bar in bars),
        "bars": verdict.report(bars),
        "upgrade": {
            "last_line": run.last_line,
            "seconds": round(found.seconds, 1),
            "release": found.release,
            "bake_seconds": found.bake_seconds,
            "steps": [
                {
                    "step": row.step,
                    "name": row.name,
                    "began": round(row.began - run.began, 2),
                    "seconds": round(row.seconds, 2),
                    "writes_refused": row in window,
                }
                for row in found.rows
            ],
            "journal": list(found.journal),
        },
        "window": {
            "allowed_seconds": round(verdict.window_allowed(found), 1),
            "by_the_machine_seconds": round(sum(row.seconds for row in window), 1),
            "as_clients_saw_it": seen
            and {
                "seconds": _ended(seen.seconds),
                "refusals": seen.refusals,
                "from_the_last_write_before": round(seen.acknowledged - run.began, 2),
                "first_refusal": round(seen.refused - run.began, 2),
                "last_refusal": round(seen.refused_last - run.began, 2),
                "to_the_first_write_after": _ended(seen.acknowledged_again - run.began),
            },
            "steps": {row.step: round(row.seconds, 2) for row in window},
        },
        "load": {
            "seconds": round(seconds, 1),
            "scheduled_a_second": asdict(drill.rates),
            "achieved_a_second": {
                kind: round(sum(of.values()) / seconds, 2) for kind, of in counts.items()
            },
            "attempts": counts,
            "seconds_from_due_to_answer": measures.times(run.attempts),
            "latest_start_seconds": max((each.late for each in run.attempts), default=0.0),
            "failures": measures.failures(run.attempts),
            "clients": drill.clients,
            "accounts_per_tenant": found.rows_per_tenant,
        },
        "served": {
            "by": found.crossed.by,
            "old_on_new": found.crossed.old_on_new[:20],
            "new_on_old": found.crossed.new_on_old[:20],
            "unexplained": found.crossed.unexplained[:20],
        },
        "databases": {
            "compare": found.compared,
            "sums": {name: dict(tables) for name, tables in found.sums.items()},
            "versions": dict(found.versions),
            "lost_writes": {name: list(ids)[:20] for name, ids in found.lost_writes.items()},
            "refused_and_written": list(found.refused_and_written)[:20],
            "lost_events": list(found.lost_events)[:20],
            "argon2id": dict(found.cost),
        },
        "timeline": {
            "from": datetime.fromtimestamp(run.began, UTC).isoformat(timespec="milliseconds"),
            "upgrade": [
                round(run.upgrade_began - run.began, 2),
                round(run.upgrade_ended - run.began, 2),
            ],
            "answers_per_second": measures.per_second(run.attempts, since=run.began),
        },
    }


def _ended(seconds: float) -> float | str:
    """JSON has no infinity."""
    return round(seconds, 2) if isfinite(seconds) else "never ended"
