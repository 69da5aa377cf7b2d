"""The conditions of an upgrade under load, each with its figure and its bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gameday.upgrade import measures
from gameday.upgrade.attempts import Attempt
from gameday.upgrade.rows import Row
from gameday.upgrade.rows import blocked as blocked_rows
from gameday.upgrade.served import Crossed

# Beyond the migration and the bake: the fence, the start and the test of the new code, the opening.
BESIDES_SECONDS = 15.0
TOTAL_SECONDS = 300.0
LOGINS = 5_000
# OWASP, Password Storage Cheat Sheet.
MEMORY_KIB, PASSES = 19 * 1024, 2


@dataclass(frozen=True, kw_only=True)
class Found:
    """The state of the databases after the load had ended."""

    outcome: str  # the upgrade's: upgraded, or how it ended otherwise
    seconds: float  # of the whole upgrade
    bake_seconds: float
    rows: Sequence[Row]
    journal: Sequence[Mapping[str, str]]
    lost_writes: Mapping[str, Sequence[str]]  # by master
    refused_and_written: Sequence[str]
    lost_events: Sequence[str]
    compared: Mapping[str, Any]
    sums: Mapping[str, Mapping[str, Sequence[int]]]  # by master and table
    crossed: Crossed
    cost: Mapping[str, int]
    rows_per_tenant: int
    versions: Mapping[str, int] = field(default_factory=dict)  # of each master, at the end


@dataclass(frozen=True, kw_only=True)
class UpgradeBar:
    """One thing that must hold. `figure` and `bar` are for people."""

    name: str
    figure: str
    bar: str
    holds: bool


def bars(
    attempts: Sequence[Attempt],
    found: Found,
    *,
    logins: int = LOGINS,
    version: int,
) -> list[UpgradeBar]:
    """Return every bar.

    `logins` is how many have to be tried, `version` what both masters end with.
    """
    counts = measures.counted(attempts)
    tried = sum(counts["login"].values())
    checks = {name: counts[name] for name in ("verify", "check")}
    lost = sum(map(len, found.lost_writes.values()))
    memory, passes = found.cost.get("m", 0), found.cost.get("t", 0)
    crossed = found.crossed
    versions = ", ".join(f"{name} at {number}" for name, number in found.versions.items())
    return [
        UpgradeBar(
            name="the upgrade",
            figure=f"{found.outcome}, {versions}",
            bar=f"upgraded, both masters at version {version}",
            holds=found.outcome == "upgraded" and set(found.versions.values()) == {version},
        ),
        _at_least("logins attempted", tried, logins),
        _none("logins failed", _not_ok(counts["login"])),
        UpgradeBar(
            name="a login's argon2id",
            figure=f"{memory / 1024:g} MiB, t = {passes}",
            bar=f"at least {MEMORY_KIB // 1024} MiB, t = {PASSES}",
            holds=memory >= MEMORY_KIB and passes >= PASSES,
        ),
        _none("session checks failed", sum(map(_not_ok, checks.values()))),
        _at_least("session checks attempted", sum(sum(c.values()) for c in checks.values()), tried),
        _none("acknowledged writes lost, on A or on B", lost),
        _at_least("writes acknowledged", counts["write"]["ok"], 1),
        UpgradeBar(
            name="A and B by checksum",
            figure=_equality(found),
            bar="equal, by the service's compare and by a sum of its own",
            holds=bool(found.compared.get("equal")) and _equal(found.sums),
        ),
        _none("audit events lost", len(found.lost_events)),
        _none("requests served by old code on the new schema", len(crossed.old_on_new)),
        _none("requests served by new code on the old schema", len(crossed.new_on_old)),
        _none("answered requests that no process's log explains", len(crossed.unexplained)),
        *_window(attempts, found),
        UpgradeBar(
            name="the whole upgrade",
            figure=f"{found.seconds:.1f} s",
            bar=f"at most {TOTAL_SECONDS:g} s",
            holds=found.seconds <= TOTAL_SECONDS,
        ),
    ]


def window_allowed(found: Found) -> float:
    """Migration, bake and what goes beside, in seconds."""
    migration = sum(row.seconds for row in found.rows if row.step == "migrate")
    return migration + found.bake_seconds + BESIDES_SECONDS


def _window(attempts: Sequence[Attempt], found: Found) -> list[UpgradeBar]:
    allowed = window_allowed(found)
    bar = f"at most {allowed:.1f} s (migration + bake + {BESIDES_SECONDS:g} s)"
    seen = measures.blocked(attempts)
    own = sum(row.seconds for row in blocked_rows(list(found.rows)))
    return [
        UpgradeBar(
            name="writes refused, as clients saw it",
            figure=f"{seen.seconds:.1f} s" if seen else "never",
            bar=bar,
            # An upgrade of this kind that no writer noticed was not under load.
            holds=seen is not None and seen.seconds <= allowed,
        ),
        UpgradeBar(
            name="writes refused, by the state machine",
            figure=f"{own:.1f} s",
            bar=bar,
            holds=0 < own <= allowed,
        ),
    ]


def _none(name: str, count: int) -> UpgradeBar:
    return UpgradeBar(name=name, figure=f"{count:,}", bar="0", holds=count == 0)


def _at_least(name: str, count: int, least: int) -> UpgradeBar:
    return UpgradeBar(
        name=name, figure=f"{count:,}", bar=f"at least {least:,}", holds=count >= least
    )


def _not_ok(counts: Mapping[str, int]) -> int:
    return counts["refused"] + counts["failed"]


def _equal(sums: Mapping[str, Mapping[str, Sequence[int]]]) -> bool:
    first, second = sums.values()
    return bool(first) and first == second


def _equality(found: Found) -> str:
    tables = found.compared.get("tables", {})
    rows = sum(table["rows"][0] for table in tables.values() if "rows" in table)
    unlike = [name for name, table in tables.items() if not table["equal"]]
    first, second = found.sums.values()
    unlike += [name for name in first.keys() | second.keys() if first.get(name) != second.get(name)]
    return f"{'unlike: ' + ', '.join(sorted(set(unlike))) if unlike else 'equal'}, {rows:,} rows"


def report(bars: Sequence[UpgradeBar]) -> list[dict[str, Any]]:
    return [asdict(each) for each in bars]
