"""Runs of the real CDK CLI end when they should, and are shown and kept."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local import process
from local.watched_cli import CdkError, WatchedCli


def cli(folder: Path, **options: Any) -> WatchedCli:
    return WatchedCli(**{"assembly": folder, "variables": {}, "folder": folder, **options})


def test_runs_the_pinned_cli_and_keeps_its_output(folder: Path):
    run = cli(folder).run("--version")
    assert run.exit_code == 0
    assert run.output.startswith("2.1148.1")
    log = (folder / "cdk.log").read_text()
    assert "$ cdk --version" in log
    assert run.output in log


def test_a_run_ends_when_what_it_deploys_to_is_gone(folder: Path, tmp_path: Path):
    """The CLI itself would retry for minutes; a command that goes on for good stands for it."""
    slow = tmp_path / "cdk"
    slow.write_text("#!/bin/sh\necho begun\nexec sleep 60\n")
    slow.chmod(0o755)
    gone = threading.Event()
    threading.Timer(0.2, gone.set).start()
    cdk = cli(folder, executable=slow, alive=lambda: not gone.is_set())
    began = time.monotonic()
    with pytest.raises(CdkError, match="what it deploys to has gone"):
        cdk.run("deploy")
    assert time.monotonic() - began < 30
    assert process.marked(folder) == ()


def test_an_interrupted_run_leaves_no_process(folder: Path, tmp_path: Path):
    slow = tmp_path / "cdk"
    slow.write_text("#!/bin/sh\necho '✅  begun'\nexec sleep 60\n")
    slow.chmod(0o755)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cli(folder, executable=slow, show=interrupt).run("deploy")
    assert process.marked(folder) == ()


def test_nothing_of_the_shell_points_the_cli_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    printer = tmp_path / "cdk"
    printer.write_text("#!/bin/sh\nenv\n")
    printer.chmod(0o755)
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "999999999999")
    ran = cli(folder, executable=printer, variables={"AWS_REGION": "here"}).run("x")
    assert "AWS_PROFILE" not in ran.output
    assert "CDK_DEFAULT_ACCOUNT" not in ran.output
    assert "AWS_REGION=here" in ran.output
