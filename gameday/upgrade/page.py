"""The report for a browser: one file with nothing beside it, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from gameday.upgrade.timeline import svg

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1d2430; --quiet: #667085;
  --line: #d9dce3; --ok: #2a7f62; --refused: #c98a1b; --failed: #c0392b; --step: #3b6ea5;
}
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --ink: #e6e8ec; --quiet: #98a2b3;
  --line: #333a45; --ok: #4fb38d; --refused: #e0aa45; --failed: #ef6a5b; --step: #6fa3dc;
} }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; color: var(--quiet); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--quiet); } td.number, th.number { text-align: right; }
.holds { color: var(--ok); } .misses { color: var(--failed); font-weight: 600; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .small { font-size: 10px; fill: var(--quiet); } svg .name { font-weight: 600; }
svg .grid { stroke: var(--line); stroke-dasharray: 2 3; } svg .base { stroke: var(--line); }
svg .window { fill: var(--refused); fill-opacity: .14; } svg .ok { fill: var(--ok); }
svg .refused, svg .refusing { fill: var(--refused); } svg .failed { fill: var(--failed); }
svg .step { fill: var(--step); }
.key b { font-weight: 600; } .key .ok { color: var(--ok); } .key .refused { color: var(--refused); }
.key .failed { color: var(--failed); }
"""


def page(result: Mapping[str, Any]) -> str:
    """Return the whole document of what out/upgrade.json holds."""
    word = "holds" if result["holds"] else "misses"
    title = "Every bar holds" if result["holds"] else "A bar is missed"
    upgrade, load = result["upgrade"], result["load"]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>An upgrade under load: {escape(title.lower())}</title><style>{_STYLE}</style></head><body>
<h1>An upgrade under load: <span class="{word}">{escape(title.lower())}</span></h1>
<p>{escape(upgrade["last_line"].capitalize())}, in {upgrade["seconds"]} s, with a bake of
{upgrade["bake_seconds"]:g} s; the load began at {escape(result["timeline"]["from"])} and went
on for {load["seconds"]} s from {load["clients"]} processes, on tenants with
{load["accounts_per_tenant"]:,} accounts each. Nothing was tried twice.</p>
<h2>What must hold</h2>
{_bars(result["bars"])}
<h2>Each second</h2>
<p class="key">Answers a second: <b class="ok">as asked for</b>, <b class="refused">a write refused
by read-only mode</b>, <b class="failed">failed</b>. Below, each step of the state machine, in the
order of its table.</p>
{svg(result)}
<h2>While writes are refused</h2>
{_window(result)}
<h2>The load</h2>
{_load(load)}
<h2>Who answered</h2>
<p>From the log of each process: its build, and the entity store's version as the server gave it in
the transaction that answered.</p>
{_table(("requests answered by", "requests"), result["served"]["by"].items())}
</body></html>
"""


def _bars(bars: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr><td class="{"holds" if bar["holds"] else "misses"}">'
        f"{'holds' if bar['holds'] else 'missed'}</td><td>{escape(bar['name'])}</td>"
        f"<td>{escape(bar['figure'])}</td><td>{escape(bar['bar'])}</td></tr>\n"
        for bar in bars
    )
    return f"<table><tr><th></th><th></th><th>figure</th><th>bar</th></tr>\n{rows}</table>"


def _window(result: Mapping[str, Any]) -> str:
    window = result["window"]
    names = {step["step"]: step["name"] for step in result["upgrade"]["steps"]}
    steps = [(names[key], f"{seconds:.1f} s") for key, seconds in window["steps"].items()]
    total = ("together", f"{window['by_the_machine_seconds']:.1f} s")
    seen = window["as_clients_saw_it"]
    answers = (
        f"Clients saw {seen['refusals']:,} refusals, and {seen['seconds']} s from the last write "
        "that was acknowledged before to the first one after."
        if seen
        else "No client saw a refusal."
    )
    return (
        f"<p>{answers} At most {window['allowed_seconds']} s were allowed: the migration, "
        f"the bake, and what goes beside.</p>{_table(('step', 'took'), [*steps, total])}"
    )


def _load(load: Mapping[str, Any]) -> str:
    rows = []
    for kind, counts in load["attempts"].items():
        took = load["seconds_from_due_to_answer"].get(kind, {})
        scheduled = load["scheduled_a_second"].get(kind)
        rows.append(
            (
                kind,
                *(f"{count:,}" for count in counts.values()),
                "follows a login" if scheduled is None else f"{scheduled:g}",
                f"{load['achieved_a_second'][kind]:g}",
                *(f"{took[key]:.3f} s" if took else "" for key in ("median", "p99", "longest")),
            )
        )
    head = ("kind", "ok", "refused", "failed", "due a second", "tried a second")
    return _table((*head, "median", "p99", "longest"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def cells(tag: str, row: Sequence[Any]) -> str:
        first, *others = (
            escape(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row
        )
        return f"<{tag}>{first}</{tag}>" + "".join(
            f'<{tag} class="number">{cell}</{tag}>' for cell in others
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>\n{body}</table>"
