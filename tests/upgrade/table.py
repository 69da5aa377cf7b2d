"""The results of all faults as text: a row for each state, a column for each fault."""

from __future__ import annotations

from typing import Any

from tests.upgrade.cases import CAUSES, ERRORS, KINDS
from tests.upgrade.simulated_account import ROLLED_BACK, SERVED, STOPPED, UPGRADED

_LETTERS = {UPGRADED: "U", ROLLED_BACK: "R", STOPPED: "S", SERVED: "s", "killed": "K"}
_LEGEND = """\
U upgraded   R rolled back exactly   S stopped safely: READ_ONLY, lock held, operators notified
s stopped with every user served, lock held, operators notified
K killed     S-UR, K-UR: and then, resumed: upgraded; aborted: rolled back exactly
Of an error or a time-out: once, and for good.   lingers: a task outlives the state that timed out;
late: and whoever ends it.
alarm: an alarm enters READ_ONLY.   opened: somebody returns to READ_WRITE.
scales: the autoscaler changes every number of tasks that it may.
login, no-connection, slow: what users get of the new code.
away, dead: from here on the Region, the follower or B does not answer.   ! wrong"""


def table(results: list[dict[str, Any]]) -> str:
    """With its legend; columns that no result has are left out."""
    kinds = [kind for kind in KINDS if any(each["kind"] == kind for each in results)]
    cells: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for each in results:
        row = cells.setdefault((each["release"], each["state"], each["cause"]), {})
        row.setdefault(each["kind"], []).append(_cell(each))
    rows = [["release: state", *kinds]]
    for (release, state, cause), row in cells.items():
        name = f"{release}: {state} ({cause})" if cause else f"{release}: {state}"
        rows.append([name, *(_of(row, kind) for kind in kinds)])
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    causes = [f"({name}): after {text}" for name, text in CAUSES.items()]
    return "\n".join([*lines, "", _LEGEND, *causes, ""])


def _of(row: dict[str, list[str]], kind: str) -> str:
    return (" / " if kind in ERRORS else " ").join(row.get(kind, ["."]))


def _cell(result: dict[str, Any]) -> str:
    ways = "".join(_LETTERS.get(end, "!") for end in result["afterwards"].values())
    ended = _LETTERS.get(result["outcome"], "!")
    return ("!" if result["wrong"] else "") + (f"{ended}-{ways}" if ways else ended)
