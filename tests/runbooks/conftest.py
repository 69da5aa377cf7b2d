"""The systems in which a page's symptom is set up, and the run of its commands."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from cli import operations_task
from cli.main import main
from config.environments import ENVIRONMENTS
from tests.runbooks.account import ACCOUNT, ENVIRONMENT, REGIONS, Account
from tests.runbooks.aws_cli import run_aws
from tests.runbooks.pages import page
from tests.runbooks.running import PageRun, record

Pages = Callable[..., PageRun]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        known = SimpleNamespace(
            account=ACCOUNT, regions=tuple(SimpleNamespace(name=name) for name in REGIONS)
        )
        patch.setitem(ENVIRONMENTS, ENVIRONMENT, known)
        patch.setenv("MAINSTAY_ENVIRONMENT", ENVIRONMENT)
        patch.setattr(operations_task, "_POLL_SECONDS", 0.01)
        patch.setattr(operations_task, "_LAST_LINES_SECONDS", 0.5)
        yield Account()


@pytest.fixture
def run_page(request: pytest.FixtureRequest) -> Iterator[Pages]:
    """`run_page("fence", account)`: a run that has to come to its page's end."""
    runs: list[PageRun] = []

    def begin(name: str, account: Account | None = None, **values: str) -> PageRun:
        run = PageRun(page(name), shell_of(account), {"environment": ENVIRONMENT, **values})
        runs.append(run)
        return run

    failed = request.session.testsfailed
    yield begin
    for run in runs:
        whole = run.is_whole and request.session.testsfailed == failed
        record(run, passed=whole and not _has_failed(request))
        assert run.is_whole or _has_failed(request), (
            f"never run: {run.page.commands[len(run.ran) :]}"
        )


def shell_of(account: Account | None) -> Callable[[list[str]], tuple[int, str]]:
    """Return what runs a command line in this process, as a terminal would run its program."""

    def run(words: list[str]) -> tuple[int, str]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            match words:
                case ["mainstay", *rest]:
                    clients: Any = account.client if account else None
                    code = main(rest, clients=clients)
                case ["aws", *rest]:
                    code = run_aws(rest)
                case _:
                    raise AssertionError(f"no program of these tests: {words}")
        return code, printed.getvalue()

    return run


def _has_failed(request: pytest.FixtureRequest) -> bool:
    report = getattr(request.node, "called", None)
    return report is not None and report.failed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    report = yield
    if report.when == "call":
        item.called = report  # pyright: ignore[reportAttributeAccessIssue]
    return report


os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
