"""The conditions of an upgrade under load, each with its figure and its bar."""

from __future__ import annotations

import math
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
# Above that: up to a minute, and two published minutes, twice, until a half is known to be left.
PUBLISHED_SECONDS = 360.0
LOGINS = 5_000
# The part of them that has to fall between these rows, in which anything changes for a login.
WITHIN = 0.1
FIRST, LAST = "carry", "share"
BREAKING, ADDITIVE = "breaking", "additive"  # classes of the release
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
    release: str = BREAKING  # its class
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
        _within(attempts, found.rows, logins),
        _none("session checks failed", sum(map(_not_ok, checks.values()))),
        _none("logouts failed", _not_ok(counts["logout"])),
        _none("reads of the audit log failed", _not_ok(counts["audit"])),
        # Refused is what READ_ONLY does; anything else is a write whose end nobody knows.
        _none("writes that failed otherwise than by READ_ONLY", counts["write"]["failed"]),
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
        *_old_on_new(found),
        _none("requests served by new code on the old schema", len(crossed.new_on_old)),
        _none("answered requests that no process's log explains", len(crossed.unexplained)),
        *_window(attempts, found),
        UpgradeBar(
            name="the whole upgrade",
            figure=f"{found.seconds:.1f} s",
            bar=f"at most {TOTAL_SECONDS:g} s, and {PUBLISHED_SECONDS:g} s for published minutes",
            holds=found.seconds <= TOTAL_SECONDS + PUBLISHED_SECONDS,
        ),
    ]


def failure_bound(tried: int, failed: int) -> float:
    """Return the upper 95 % confidence bound of a failure rate (Clopper and Pearson, one-sided).

    Found by bisection: the rate at which so few failures of so many are seen once in 20 times.
    """
    if failed >= tried:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        seen = sum(
            math.exp(
                math.lgamma(tried + 1)
                - math.lgamma(k + 1)
                - math.lgamma(tried - k + 1)
                + k * math.log(rate)
                + (tried - k) * math.log1p(-rate)
            )
            for k in range(failed + 1)
        )
        low, high = (rate, high) if seen > 0.05 else (low, rate)
    return high


def _within(attempts: Sequence[Attempt], rows: Sequence[Row], logins: int) -> UpgradeBar:
    """Return the bar of logins while anything changes for them: from `carry` to `share`."""
    began = min((row.began for row in rows if row.step == FIRST), default=math.inf)
    ended = max((row.ended for row in rows if row.step == LAST), default=-math.inf)
    some = [each for each in attempts if each.kind == "login" and began <= each.due <= ended]
    failed, least = _not_ok(measures.counted(some)["login"]), int(logins * WITHIN)
    bound = failure_bound(len(some), failed) if some else 1.0
    return UpgradeBar(
        name=f"logins failed of those between '{FIRST}' and '{LAST}'",
        figure=f"{failed:,} of {len(some):,}: at most {bound:.3%} fail, by 95 % confidence",
        bar=f"0 of at least {least:,}",
        holds=failed == 0 and len(some) >= least,
    )


def window_allowed(found: Found) -> float:
    """Migration, bake and what goes beside, in seconds."""
    migration = sum(row.seconds for row in found.rows if row.step == "migrate")
    return migration + found.bake_seconds + BESIDES_SECONDS


def _old_on_new(found: Found) -> list[UpgradeBar]:
    """Return the bar of old code on the new schema, which it runs on where that only adds."""
    if found.release == ADDITIVE:
        return []
    name = "requests served by old code on the new schema"
    return [_none(name, len(found.crossed.old_on_new))]


def _window(attempts: Sequence[Attempt], found: Found) -> list[UpgradeBar]:
    if found.release == ADDITIVE:
        return _no_window(attempts, found)
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


def _no_window(attempts: Sequence[Attempt], found: Found) -> list[UpgradeBar]:
    """Return the bars of a release that only adds: no write waits, and none is refused."""
    seen, writes = measures.blocked(attempts), measures.counted(attempts)["write"]
    own = sum(row.seconds for row in blocked_rows(list(found.rows)))
    return [
        UpgradeBar(
            name=name,
            figure=f"{seconds:.1f} s",
            bar="0 s",
            holds=seconds == 0,
        )
        for name, seconds in (
            ("writes refused, as clients saw it", seen.seconds if seen else 0.0),
            ("writes refused, by the state machine", own),
        )
    ] + [_none("writes refused or failed", _not_ok(writes))]


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
