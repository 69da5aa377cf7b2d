"""Pages of the upgrade: a machine of the shipped definition stops, and its page brings it on."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cli import upgrade
from cli.main import main
from functions.control_table import mode
from tests.cli.conftest import _environments  # noqa: F401 (a fixture)
from tests.runbooks.conftest import Pages
from tests.runbooks.running import PageRun
from tests.upgrade.conftest import _quiet, account, definition, machine  # noqa: F401 (so are these)
from tests.upgrade.interpreter import _machine
from tests.upgrade.regions import NEW, PRIMARY, aws
from tests.upgrade.simulated_account import UPGRADE, Fault

_TABLE = "AWS::DynamoDB::GlobalTable"
_CLASS = ("--class", "breaking")  # no task plans here


def _client(account: Any, service: str, region: str) -> Any:  # noqa: F811
    """The account's, with the stacks that commands look into; no alarm, and no master of RDS."""
    if service != "cloudformation":
        return account.client(service, region)

    def pages(*, StackName: str) -> list[Any]:  # noqa: N803 (boto3's)
        table = {
            "LogicalResourceId": "Table",
            "ResourceType": _TABLE,
            "PhysicalResourceId": f"control-{region}",
        }
        held = [table] if StackName.endswith("control") else []
        return [{"StackResourceSummaries": held}]

    outputs = [
        {"OutputKey": "Regions", "OutputValue": PRIMARY},
        {"OutputKey": "Masters", "OutputValue": "none"},
    ]
    return SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(paginate=pages),
        describe_stacks=lambda **_: {"Stacks": [{"Outputs": outputs}]},
    )


Shell = Callable[[list[str]], tuple[int, str]]


@pytest.fixture
def shell(machine: Any, account: Any, definition: str, monkeypatch: pytest.MonkeyPatch) -> Shell:  # noqa: F811
    monkeypatch.setattr(upgrade, "_POLL_SECONDS", 0.01)
    monkeypatch.setenv("MAINSTAY_ENVIRONMENT", "test")
    _machine(aws("stepfunctions", PRIMARY), definition)

    def run(words: list[str]) -> tuple[int, str]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(words[1:], clients=lambda *of: _client(account, *of))
        return code, printed.getvalue()

    return run


def _begun(run_page: Pages, name: str, shell: Shell, **values: str) -> PageRun:
    run = run_page(name, **values)
    run.shell = shell
    return run


def _mode(account: Any) -> str:  # noqa: F811
    return mode.known(account.client("dynamodb", PRIMARY), f"control-{PRIMARY}").mode


def test_upgrade_has_stopped(shell: Shell, account: Any, run_page: Pages):  # noqa: F811
    account.faults = [Fault("Compare both masters", "before")]
    execution = ["mainstay", "upgrade", "start", "--image", NEW, "--id", UPGRADE, *_CLASS]
    assert shell(execution)[0] == 1
    run = _begun(run_page, "upgrade-has-stopped", shell)
    assert "why: " in run.next().output
    account.faults = []
    assert run.next().output.rstrip().endswith("upgraded: every row of the table is done")
    assert account.lock() is None


def test_bad_release(shell: Shell, account: Any, run_page: Pages):  # noqa: F811
    """It stopped past its commit point; somebody takes writes away, and the lock has to go."""
    account.faults = [Fault("Compare both masters", "before")]
    execution = ["mainstay", "upgrade", "start", "--image", NEW, "--id", UPGRADE, *_CLASS]
    assert shell(execution)[0] == 1
    run = _begun(run_page, "bad-release", shell, upgrade=UPGRADE)
    assert "past the commit point" in run.next().output
    run.next()
    assert _mode(account) == "READ_ONLY"
    account.faults = []
    run.next()
    assert account.lock() is None
    epoch = mode.known(account.client("dynamodb", PRIMARY), f"control-{PRIMARY}").epoch
    run.next(epoch=str(epoch))
    assert _mode(account) == "READ_WRITE"
