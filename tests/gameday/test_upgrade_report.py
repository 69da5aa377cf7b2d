"""The verdict of an upgrade under load: what is missed is said, and how the report shows it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gameday.upgrade import __main__ as command
from gameday.upgrade import live, measures, page, report, verdict
from gameday.upgrade.attempts import FAILED, KINDS, OK, REFUSED, Attempt
from gameday.upgrade.drill import DrillError, Run, UpgradeDrill
from gameday.upgrade.rows import Row, blocked, names, rows
from gameday.upgrade.served import Crossed, spoken
from gameday.upgrade.verdict import Found

T0 = 1_800_000_000.0  # when the load began, seconds since 1970
DRILL = UpgradeDrill(logins=10, bake_seconds=20)


def attempt(kind: str, at: float, outcome: str = OK, **more: Any) -> Attempt:
    usual = {"id": f"load-{kind}-{at}", "tenant": "t", "late": 0.0, "took": 0.1, "status": 200}
    return Attempt(**{**usual, "kind": kind, "due": T0 + at, "outcome": outcome, **more})


# Writes are refused from 20 s to 50 s.
ATTEMPTS = [
    *(attempt(kind, float(at)) for kind in KINDS for at in range(60) if kind != "write"),
    *(attempt("write", float(at), REFUSED if 20 <= at < 50 else OK) for at in range(60)),
]
ROWS = [
    Row(step=step, name=step.title(), began=T0 + began, ended=T0 + ended)
    for step, began, ended in (
        ("carry", 5, 10),
        ("check", 10, 20),
        ("enter", 20, 21),
        ("migrate", 21, 25),
        ("bake", 25, 47),
        ("leave", 47, 50),
        ("share", 50, 50),
        ("unlock", 50, 52),
    )
]
SUMS = {"account": (9, 8, 7), "tenant": (1, 2, 3)}
FOUND = Found(
    outcome="upgraded",
    seconds=42.0,
    bake_seconds=20,
    rows=ROWS,
    journal=[{"at": "2027-01-15T08:00:10Z", "step": "check", "state": "begun", "detail": ""}],
    lost_writes={"A": [], "B": []},
    refused_and_written=[],
    lost_events=[],
    compared={"equal": True, "tables": {"account": {"equal": True, "rows": [9, 9]}}},
    sums={"A": SUMS, "B": dict(SUMS)},
    crossed=Crossed(old_on_new=[], new_on_old=[], unexplained=[], by={"build 1 on schema 1": 9}),
    cost={"m": 19_456, "t": 2, "p": 1},
    rows_per_tenant=100,
    versions={"A": 2, "B": 2},
)


def missed(attempts: list[Attempt] = ATTEMPTS, found: Found = FOUND) -> set[str]:
    bars = verdict.bars(attempts, found, logins=DRILL.logins, version=2)
    return {bar.name for bar in bars if not bar.holds}


def test_a_run_without_a_fault_misses_nothing():
    assert missed() == set()


@pytest.mark.parametrize(
    ("more", "name"),
    [
        (attempt("login", 30.0, FAILED, status=503), "logins failed"),
        (attempt("login", 30.0, FAILED, status=0), "logins failed"),
        (attempt("verify", 30.0, FAILED), "session checks failed"),
        (attempt("check", 30.0, FAILED), "session checks failed"),
        (attempt("logout", 30.0, FAILED, status=500), "logouts failed"),
        (attempt("audit", 30.0, FAILED, status=500), "reads of the audit log failed"),
        (
            attempt("write", 30.0, FAILED, status=500),
            "writes that failed otherwise than by READ_ONLY",
        ),
        (
            attempt("login", 30.0, FAILED, status=500),
            "logins failed of those between 'carry' and 'share'",
        ),
    ],
)
def test_one_that_fails_is_missed(more: Attempt, name: str):
    assert name in missed([*ATTEMPTS, more])


def test_every_kind_of_request_has_a_bar():
    """Fifty answers of 500 of any kind miss one."""
    for kind in KINDS:
        more = [attempt(kind, 25.0 + n / 50, FAILED, status=500) for n in range(50)]
        assert missed([*ATTEMPTS, *more]), kind


def test_logins_after_the_upgrade_do_not_stand_for_those_during_it():
    others = [each for each in ATTEMPTS if each.kind != "login"]
    late = [attempt("login", 100 + n / 10) for n in range(60)]
    assert missed([*others, *late]) == {"logins failed of those between 'carry' and 'share'"}


def test_the_bound_is_clopper_s_and_pearson_s():
    """None of 2,000 bounds the rate by 0.15 %, the rule of three; others by tables."""
    assert verdict.failure_bound(2_000, 0) == pytest.approx(1 - 0.05 ** (1 / 2_000))
    assert verdict.failure_bound(10, 1) == pytest.approx(0.394, abs=0.001)
    assert verdict.failure_bound(3, 3) == 1.0


_CROSSED = FOUND.crossed


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"outcome": "Upgrade.RolledBack"}, "the upgrade"),
        ({"versions": {"A": 2, "B": 1}}, "the upgrade"),
        ({"lost_writes": {"A": [], "B": ["w"]}}, "acknowledged writes lost, on A or on B"),
        ({"lost_events": ["e"]}, "audit events lost"),
        ({"compared": {"equal": False, "tables": {}}}, "A and B by checksum"),
        ({"sums": {"A": SUMS, "B": {**SUMS, "tenant": (1, 2, 4)}}}, "A and B by checksum"),
        ({"sums": {"A": {}, "B": {}}}, "A and B by checksum"),
        ({"cost": {"m": 19_455, "t": 2}}, "a login's argon2id"),
        ({"cost": {}}, "a login's argon2id"),
        (
            {"crossed": replace(_CROSSED, old_on_new=["r"])},
            "requests served by old code on the new schema",
        ),
        (
            {"crossed": replace(_CROSSED, new_on_old=["r"])},
            "requests served by new code on the old schema",
        ),
        (
            {"crossed": replace(_CROSSED, unexplained=["r"])},
            "answered requests that no process's log explains",
        ),
        ({"seconds": 660.1}, "the whole upgrade"),
    ],
)
def test_each_loss_is_missed_and_nothing_beside(change: dict[str, Any], name: str):
    assert missed(found=replace(FOUND, **change)) == {name}


def test_too_few_logins_are_missed():
    assert missed([a for a in ATTEMPTS if a.kind != "login" or a.due < T0 + 9]) == {
        "logins attempted"
    }


def test_writes_may_be_refused_for_the_migration_the_bake_and_fifteen_seconds():
    assert verdict.window_allowed(FOUND) == 4 + 20 + 15
    short = replace(FOUND, bake_seconds=10)
    assert missed(found=short) == {
        "writes refused, as clients saw it",
        "writes refused, by the state machine",
    }
    without = [each for each in ATTEMPTS if each.outcome != REFUSED]
    assert missed(without) == {"writes refused, as clients saw it"}
    assert missed(found=replace(FOUND, rows=ROWS[:1])) >= {"writes refused, by the state machine"}


def test_a_release_that_only_adds_has_no_window_and_fails_no_write():
    rows = [row for row in ROWS if row.step not in ("enter", "migrate", "leave")]
    crossed = replace(_CROSSED, old_on_new=["r"])  # it runs on what was added
    adding = replace(FOUND, release=verdict.ADDITIVE, rows=rows, crossed=crossed)
    well = [attempt("write", a.due - T0) if a.kind == "write" else a for a in ATTEMPTS]
    assert missed(well, adding) == set()
    refused = [*well, attempt("write", 30.5, REFUSED)]
    assert missed(refused, adding) == {
        "writes refused, as clients saw it",
        "writes refused or failed",
    }
    assert missed([*well, attempt("write", 30.5, FAILED)], adding) >= {"writes refused or failed"}
    assert missed(well, replace(adding, rows=ROWS)) == {"writes refused, by the state machine"}
    crossed = replace(_CROSSED, new_on_old=["r"])
    assert missed(well, replace(adding, crossed=crossed)) == {
        "requests served by new code on the old schema"
    }


def test_the_window_is_counted_from_the_last_write_before_to_the_first_after():
    seen = measures.blocked(ATTEMPTS)
    assert seen is not None
    assert seen.refusals == 30
    assert seen.seconds == pytest.approx(50.1 - 19.1)
    assert measures.blocked([a for a in ATTEMPTS if a.outcome == OK]) is None
    unended = measures.blocked([a for a in ATTEMPTS if a.due < T0 + 50])
    assert unended is not None
    assert unended.seconds == float("inf")
    assert "writes refused, as clients saw it" in missed(
        [a for a in ATTEMPTS if a.kind != "write" or a.due < T0 + 50]
    )


def test_a_row_lasts_to_the_next_one_its_wait_and_its_note_within_it():
    states = {
        "Take the lock": _state("begin", "release"),
        "Register": _state("release", "release"),
        "Halt: note": _state("note", "halt"),
        "Halt": {"Type": "Task", "Arguments": {"Cluster": "c"}},
        "Bake: note": _state("note", "bake"),
        "Bake": {"Type": "Task", "Arguments": {"Cluster": "c"}},
        "Undo: weights": _state("undo_weights", "weights"),
        "Which way": {"Type": "Choice"},
    }
    known = names(states)
    assert known["Undo: weights"] == ("undo weights", "Undo: weights")
    entered = ["Take the lock", "Which way", "Register", "Halt: note", "Halt", "Bake: note", "Bake"]
    events = [
        {"timestamp": datetime.fromtimestamp(T0 + at, UTC), "stateEnteredEventDetails": {"name": n}}
        for at, n in enumerate(entered)
    ]
    ended = {"timestamp": datetime.fromtimestamp(T0 + 10, UTC), "type": "ExecutionSucceeded"}
    found = rows([*events, ended], known)
    assert [(row.step, row.seconds) for row in found] == [
        ("begin", 2.0),
        ("release", 1.0),
        ("halt", 2.0),
        ("bake", 5.0),
    ]
    assert blocked(found) == []
    assert [row.step for row in blocked(ROWS)] == ["enter", "migrate", "bake", "leave"]


def _state(action: str, step: str) -> dict[str, Any]:
    return {"Type": "Task", "Arguments": {"Payload": {"action": action, "step": step}}}


def _run(attempts: list[Attempt] = ATTEMPTS, found: Found = FOUND) -> Run:
    return Run(
        attempts=attempts,
        found=found,
        began=T0,
        upgrade_began=T0 + 10,
        upgrade_ended=T0 + 52,
        load_ended=T0 + 60,
        last_line="upgraded: every row <of> the table is done",
    )


class _Document(HTMLParser):
    """Every element is closed, and nothing is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_by_itself_and_shows_every_step_and_every_failure():
    failed = attempt("login", 30.0, FAILED, status=503)
    run = _run([*ATTEMPTS, failed], replace(FOUND, lost_events=["e"]))
    bars = verdict.bars(run.attempts, run.found, logins=10, version=2)
    result = json.loads(json.dumps(report.report(DRILL, run, bars), allow_nan=False))
    assert not result["holds"]
    text = page.page(result)
    document = _Document()
    document.feed(text)
    assert (document.open, document.fetched) == ([], [])
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert "every row &lt;of&gt; the table" in text
    assert text.count('class="misses">missed') == 3
    picture = ElementTree.fromstring(re.findall(r"<svg.*?</svg>", text, re.DOTALL)[0])
    words = [element.text for element in picture.iter("text")]
    assert {row.name for row in ROWS} <= set(words)
    assert {"writes are refused", "login", "write"} <= set(words)
    kinds = [element.get("class") for element in picture.iter()]
    assert kinds.count("refusing") == 4
    assert kinds.count("step") == 4
    [mark] = [e for e in picture.iter("circle") if e.get("class") == "failed"]
    assert mark[0].text == "1 failed in second 30"
    [write] = [e for e in picture.iter("path") if e.get("class") == "refused"]
    assert write.get("d", "").count("M") == 30


def test_a_window_that_never_ended_is_told_without_an_infinity():
    run = _run([a for a in ATTEMPTS if a.kind != "write" or a.due < T0 + 50])
    result = report.report(DRILL, run, verdict.bars(run.attempts, run.found, version=2))
    assert json.dumps(result, allow_nan=False)
    assert result["window"]["as_clients_saw_it"]["seconds"] == "never ended"
    assert "never ended" in page.page(result)


@pytest.mark.parametrize(
    ("found", "code", "message"),
    [
        (FOUND, 0, "holds; out/upgrade.json"),
        (replace(FOUND, lost_events=["e"]), 1, "DOES NOT HOLD"),
        (DrillError("no steady load"), 2, "the drill could not be held: no steady load"),
    ],
)
def test_the_exit_code_says_whether_it_holds(
    found: Found | DrillError,
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def hold(*_: Any) -> Run:
        if isinstance(found, DrillError):
            raise found
        return _run(found=found)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["upgrade", "--least", "10", "--bake", "20"])
    monkeypatch.setattr(command, "deploy", lambda *_: None)
    monkeypatch.setattr(command, "hold", hold)
    monkeypatch.setattr(command, "spoken", lambda _: 2)
    monkeypatch.setattr(
        command, "UpgradeDrill", lambda **more: UpgradeDrill(**{**more, "folder": tmp_path / "d"})
    )
    assert command.main() == code
    printed = capsys.readouterr()
    assert message in printed.out + printed.err
    assert (tmp_path / "out" / "upgrade.html").exists() == (code != 2)


def test_elsewhere_than_on_a_terminal_a_line_comes_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    shown = live.Live(out)
    for _ in range(12):
        now[0] += 1
        shown.show("Bake", now[0] - 100, [attempt("login", 1.0), attempt("write", 1.0, REFUSED)])
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert re.search(r"Bake +6.0 s .*login 5/0/0 .*write 0/5/0", lines[1])


def test_of_a_deploy_the_lines_with_the_seconds_are_shown_and_all_is_kept(tmp_path: Path):
    out = io.StringIO()
    shown = live.Progress(tmp_path / "log", out)
    print("[   1.0 s] Deploying ...", file=shown, flush=True)
    print("  a detail", file=shown)
    assert out.getvalue() == "[   1.0 s] Deploying ...\n"
    assert (tmp_path / "log").read_text() == "[   1.0 s] Deploying ...\n  a detail\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_s_table_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    out = Terminal()
    shown = live.Live(out)
    for _ in range(2):
        now[0] += 1
        shown.show("Bake", now[0] - 100, [attempt("check", 1.0)])
    height = 2 + len(KINDS)
    assert out.getvalue().count(f"\x1b[{height}A") == 1
    assert re.search(r"check +2 +0 +0 +1/0/0 +0.10 s", out.getvalue())


def test_what_a_release_speaks_is_the_number_of_its_migrations(tmp_path: Path):
    folder = tmp_path / "service" / "migrations" / "entity"
    folder.mkdir(parents=True)
    for name in ("0001_a.sql", "0002_b.sql", "0002_b.revert.sql"):
        (folder / name).touch()
    assert spoken(tmp_path) == 2
