"""Runs of the real CDK CLI end when they should, and are shown and kept."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from local import process
from local.cdk import CLI, Cdk, CdkError


def test_runs_the_pinned_cli_and_keeps_its_words(folder: Path):
    ran = Cdk(folder=folder, variables={}, alive=lambda: True).run("--version", show=None)
    assert ran.exit_code == 0
    assert ran.said.startswith("2.1148.1")
    log = (folder / "cdk.log").read_text()
    assert "$ cdk --version" in log
    assert ran.said in log


def test_a_run_ends_when_what_it_deploys_to_is_gone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The CLI itself would retry for minutes; a command that goes on for good stands for it."""
    slow = tmp_path / "cdk"
    slow.write_text("#!/bin/sh\necho begun\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("local.cdk.CLI", slow)
    gone = threading.Event()
    threading.Timer(0.2, gone.set).start()
    cdk = Cdk(folder=folder, variables={}, alive=lambda: not gone.is_set())
    began = time.monotonic()
    with pytest.raises(CdkError, match="what it deploys to has gone"):
        cdk.run("deploy")
    assert time.monotonic() - began < 30
    assert process.marked(folder) == ()


def test_an_interrupted_run_leaves_no_process(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    slow = tmp_path / "cdk"
    slow.write_text("#!/bin/sh\necho '✅  begun'\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("local.cdk.CLI", slow)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cdk(folder=folder, variables={}, alive=lambda: True).run("deploy", show=interrupt)
    assert process.marked(folder) == ()


def test_nothing_of_the_shell_points_the_cli_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    printer = tmp_path / "cdk"
    printer.write_text("#!/bin/sh\nenv\n")
    printer.chmod(0o755)
    monkeypatch.setattr("local.cdk.CLI", printer)
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "999999999999")
    ran = Cdk(folder=folder, variables={"AWS_REGION": "here"}, alive=lambda: True).run("x")
    assert "AWS_PROFILE" not in ran.said
    assert "CDK_DEFAULT_ACCOUNT" not in ran.said
    assert "AWS_REGION=here" in ran.said


def test_the_cli_is_the_one_of_package_json():
    assert CLI.exists()
