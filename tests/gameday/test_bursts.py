"""The drill of bursts in small: it holds as shipped, and sees a process that serves no more."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from gameday import bursts
from local.one_machine import OneMachine


def test_bursts_and_clients_that_leave_cost_no_process_and_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    small = ["--bursts", "1", "--logins", "60", "--requests", "600"]
    monkeypatch.setattr("sys.argv", ["bursts", *small])
    # On a busy machine one refusal of so few logins would already miss the bar.
    monkeypatch.setattr(bursts, "FAILURES_MAX", 0.5)
    code = bursts.main()
    found = json.loads((tmp_path / "out/bursts.json").read_text())
    assert (code, found["holds"]) == (0, True), found
    assert found["soak"]["left"] > 60
    assert sum(found["guesses"].values()) == 60
    assert found["other_tenant"]["200"] > 0


def test_a_process_that_serves_no_more_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bursts, "_RECOVERY_SECONDS", 1)
    monkeypatch.setattr(bursts, "_REQUEST_SECONDS", 1)
    with OneMachine(reader=False) as machine:
        process = machine.api()
        process.log.write_text(process.log.read_text() + "the pool of x has lost its connections\n")
        assert len(bursts.lost(process)) == 1
        process.child.send_signal(signal.SIGSTOP)
        assert asyncio.run(bursts.recovers(process)) is None
