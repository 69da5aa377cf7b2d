"""A pytest plugin: the full run fails when a claim marked built has no passing test.

Loaded by `-p review.claims.plugin`. A run of part of the suite proves nothing either way, so that
there only the names are checked, by tests/test_claims.py through `name_problem`.

With pytest-xdist the tests run in workers, and their reports arrive at the controller, which alone
holds them against the claims. What a worker leaves out only it knows, and says so at its end.
"""

from __future__ import annotations

import ast
import difflib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from review.claims.file import LedgerError, load
from review.claims.ledger import TO_FILL, Claim

LEDGER = Path("docs", "claims.toml")  # below the directory that holds the pytest configuration
NEEDS_AN_ACCOUNT = "account"  # tests with this mark stay out of a run that is full all the same
LEAVES_OUT = "claims-leaves-out"  # said by a worker whose tests were narrowed

FINISHED = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


class ClaimsGate:
    """Watches a run, and at its end holds the claims against what passed."""

    def __init__(self, config: pytest.Config) -> None:
        self.ledger = config.rootpath / LEDGER
        self.full = _asks_for_everything(config)
        self.outcomes: defaultdict[str, set[str]] = defaultdict(set)
        self.proven = 0
        self.failures: list[str] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        if _leaves_out(items):
            self.full = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note that a worker has ended; one that crashed reported nothing, and fails the run."""
        if not error and node.workeroutput.get(LEAVES_OUT):
            self.full = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.outcomes[report.nodeid].add("failed")
        elif report.skipped or hasattr(report, "wasxfail"):
            # A test that is expected to fail proves nothing even when it happens to pass.
            self.outcomes[report.nodeid].add("skipped or expected to fail")
        elif report.when == "call":
            self.outcomes[report.nodeid].add("passed")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus not in FINISHED or session.shouldfail or session.shouldstop:
            self.full = False  # interrupted: it fails already, and not every test had its turn
        if not self.full:
            return
        try:
            carried = load(self.ledger).carried
        except LedgerError as error:
            self.failures = [str(error)]
        else:
            self.failures = [line for claim in carried for line in self._unproven(claim)]
            self.proven = len(carried)
        if self.failures:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.failures:
            terminalreporter.section("claims without proof", red=True, bold=True)
            for line in self.failures:
                terminalreporter.write_line(line)
        elif self.full:
            terminalreporter.write_line(f"claims: all {self.proven} that are built are proven")
        else:
            terminalreporter.write_line("claims: not held against this run, it is not the full one")

    def _unproven(self, claim: Claim) -> list[str]:
        lines = []
        for test in claim.tests:
            runs = [run for run in self.outcomes if run == test or run.startswith(f"{test}[")]
            wrong = {word for run in runs for word in self.outcomes[run]} - {"passed"}
            if test == TO_FILL:
                lines.append(f"{claim.id}: is {claim.status} but names no test yet")
            elif not runs:
                lines.append(f"{claim.id}: {test} did not run")
            elif wrong:
                lines.append(f"{claim.id}: {test} {' and '.join(sorted(wrong))}")
        return lines


class Worker:
    """In a worker of pytest-xdist: reports to the controller whether tests were left out here."""

    def __init__(self, output: dict[str, Any]) -> None:
        self.output = output

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        if _leaves_out(items):
            self.output[LEAVES_OUT] = True


def pytest_configure(config: pytest.Config) -> None:
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    gate = ClaimsGate(config) if output is None else Worker(output)
    config.pluginmanager.register(gate, "claims-gate")


def _leaves_out(items: Sequence[pytest.Item]) -> bool:
    return any(item.get_closest_marker(NEEDS_AN_ACCOUNT) is None for item in items)


def _asks_for_everything(config: pytest.Config) -> bool:
    option = config.option
    narrowed = (option.keyword, option.ignore, option.ignore_glob, getattr(option, "lf", False))
    if option.collectonly or any(narrowed):
        return False
    asked = {(config.invocation_params.dir / argument).resolve() for argument in config.args}
    root = config.rootpath.resolve()
    folders = [root / path for path in config.getini("testpaths")] or [root]
    return all(asked & {folder, *folder.parents} for folder in folders)


def name_problem(root: Path, test: str) -> str | None:
    """Return why no test has this id, or None; the source is read, and nothing imported."""
    if test == TO_FILL:
        return "names no test yet, name the one that proves it"
    path, *names = test.partition("[")[0].split("::")
    if not (root / path).is_file():
        return f"names {test}, but there is no file {path}"
    body: list[ast.stmt] = ast.parse((root / path).read_text(encoding="utf-8")).body
    for depth, name in enumerate(names, start=1):
        kinds = (ast.ClassDef,) if depth < len(names) else (ast.FunctionDef, ast.AsyncFunctionDef)
        found = {node.name: node for node in body if isinstance(node, kinds)}
        if name not in found:
            close = difflib.get_close_matches(name, found, n=1)
            hint = f", did you mean {close[0]}?" if close else ""
            return f"names {test}, but {path} has no {name}{hint}"
        body = found[name].body
    return None
